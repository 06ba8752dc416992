---Backups of everything that is stored.
local client = require('cloudops.client')
local pick = require('cloudops.pick')
local window = require('cloudops.window')

local M = {}

local function restore(replace)
  return function(backup)
    -- The server asks before it does.
    client.execute('restoreBackup', { date = backup.name, replace = replace })
  end
end

local function actions()
  return {
    { 'Add what is missing here…', restore(false) },
    { 'Replace what is here…', restore(true) },
  }
end

local function say_schedule(state)
  local due = window.known(state.next_due)
  local told = state.enabled and 'backups are made by themselves' or 'backups are not made by themselves'
  client.say(told .. (due and ', the next at ' .. window.when(due) or ''))
  if window.known(state.problem) then
    client.say(state.problem, vim.log.levels.WARN)
  end
end

local DO = {
  now = function()
    client.execute('backupNow')
  end,
  list = function()
    client.execute('backups', nil, function(told)
      pick.choose(told.backups, 'Backups', function(backup)
        return backup.name
      end, actions)
    end)
  end,
  verify = function()
    client.execute('verifyBackups')
  end,
  ['verify-data'] = function()
    client.execute('verifyBackups', { readData = true })
  end,
  auto = function()
    client.execute('autoBackup', nil, say_schedule)
  end,
  ['auto-on'] = function()
    client.execute('autoBackup', { enabled = true }, say_schedule)
  end,
  ['auto-off'] = function()
    client.execute('autoBackup', { enabled = false }, say_schedule)
  end,
}
DO.restore = DO.list

---@return string[]
function M.verbs()
  local names = vim.tbl_keys(DO)
  table.sort(names)
  return names
end

---@param verb? string
function M.run(verb)
  local wanted = DO[verb or 'list']
  if wanted then
    wanted()
  else
    client.say(('there is no "%s": %s'):format(verb, table.concat(M.verbs(), ', ')), vim.log.levels.WARN)
  end
end

return M
