---Profiles: choosing one, signing in.
local client = require('cloudops.client')
local pick = require('cloudops.pick')
local window = require('cloudops.window')

local M = {}

local function format(profile)
  local account = window.known(profile.account_alias) or window.known(profile.account_id)
  return ('%s %s%s  %s%s'):format(
    profile.selected and '●' or ' ',
    profile.name,
    account and '  ' .. account or '',
    window.known(profile.region) or '',
    profile.state ~= 'ready' and '  ' .. tostring(profile.state) or ''
  )
end

---@param profile string
function M.select(profile)
  client.execute('selectProfile', { profile = profile }, function(told)
    client.say(('runbooks that name no profile now use %s'):format(told.name or profile))
  end)
end

---@param profile? string the selected one when left out
function M.sign_in(profile)
  client.execute('signIn', profile and { profile = profile } or nil)
end

function M.sign_out()
  client.execute('signOut', nil, function()
    client.say('signed out')
  end)
end

local function actions(profile)
  local offered = {}
  if not profile.selected then
    table.insert(offered, {
      'Use it',
      function()
        M.select(profile.name)
      end,
    })
  end
  if client.is_runbook(0) then
    table.insert(offered, {
      'Name it in this runbook',
      function()
        client.execute('setRunbookContext', { uri = vim.uri_from_bufnr(0), profile = profile.name })
      end,
    })
  end
  if window.known(profile.way) then
    table.insert(offered, {
      'Sign in…',
      function()
        M.sign_in(profile.name)
      end,
    })
  end
  table.insert(offered, {
    'Copy the name',
    function()
      window.copy(profile.name)
    end,
  })
  return offered
end

function M.open()
  client.execute('readCredentials', nil, function(told)
    for _, problem in ipairs(told.problems) do
      client.say(('%s, line %s: %s'):format(problem.file, problem.line, problem.message), vim.log.levels.WARN)
    end
    for _, profile in ipairs(told.profiles) do
      profile.selected = profile.name == told.selected
    end
    pick.choose(told.profiles, 'Profiles', format, actions)
  end)
end

---@return string[] names, for completion
function M.names()
  local told = client.execute_now('readCredentials') or { profiles = {} }
  return vim.iter(told.profiles or {})
    :map(function(profile)
      return profile.name
    end)
    :totable()
end

return M
