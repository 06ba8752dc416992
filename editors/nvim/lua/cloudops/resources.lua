---Finding resources.
local client = require('cloudops.client')
local pick = require('cloudops.pick')
local window = require('cloudops.window')

local M = {}

local LIMIT = 100

---@param hit { resource: table }
---@return string
function M.format(hit)
  local resource = hit.resource
  local state = window.known(resource.state)
  return ('%s  %s%s  %s %s'):format(
    resource.name,
    resource.resource_type,
    state and ' · ' .. state or '',
    resource.account_id,
    resource.region
  )
end

---The link that names a resource exactly, as the completion inserts it.
local function link(resource)
  return ('[%s](%s)'):format(resource.name:gsub('[%[%]\\]', '\\%0'), resource.arn)
end

function M.details(hit)
  client.execute('resourceDetails', { arn = hit.resource.arn }, function(told)
    local card = window.known(told.card)
    window.show('resource/' .. hit.resource.name, 'markdown', card or M.format(hit))
  end)
end

local function mention(hit)
  vim.api.nvim_put({ link(hit.resource) }, 'c', true, true)
end

local function copy(hit)
  window.copy(hit.resource.arn)
end

---@return { [1]: string, [2]: fun(hit: table) }[]
local function actions()
  local offered = { { 'Show details', M.details }, { 'Copy the ARN', copy } }
  if client.is_runbook(0) and vim.bo.modifiable then
    table.insert(offered, 1, { 'Mention in the runbook', mention })
  end
  return offered
end

---@param hit table
function M.act(hit)
  pick.act(hit, M.format, actions)
end

---@param query string words, and filters such as type:rds state:stopped
---@param found fun(hits: table[])
function M.search(query, found)
  local argument = { query = query, limit = LIMIT }
  if client.is_runbook(0) then
    argument.uri = vim.uri_from_bufnr(0)
  end
  client.execute('searchResources', argument, found)
end

---@param query? string asked for when left out
function M.open(query)
  if not client.get() then
    return
  end
  local function choose(words)
    M.search(words, function(hits)
      local prompt = words == '' and 'Resources' or ('Resources: %s'):format(words)
      pick.choose(hits, prompt, M.format, actions)
    end)
  end
  if query then
    choose(query)
    return
  end
  vim.ui.input({ prompt = 'Find resources (words, type:rds state:stopped …): ' }, function(words)
    if words then
      choose(vim.trim(words))
    end
  end)
end

return M
