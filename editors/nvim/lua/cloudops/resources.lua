---Finding resources.
local client = require('cloudops.client')
local options = require('cloudops.options')
local pick = require('cloudops.pick')
local window = require('cloudops.window')

local M = {}

local LIMIT = 100

---Where it is asked from; a picker has a buffer of its own while it asks.
---@class cloudops.From
---@field client vim.lsp.Client
---@field uri? string of the runbook, whose account, region and mentions count for the order

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

---@param hit table
---@param shown fun(card: string) Markdown
---@param from? cloudops.From
function M.card(hit, shown, from)
  client.execute('resourceDetails', { arn = hit.resource.arn }, function(told)
    shown(window.known(told.card) or M.format(hit))
  end, from and from.client)
end

function M.details(hit)
  M.card(hit, function(card)
    window.show('resource/' .. hit.resource.name, 'markdown', card)
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
---@param found fun(hits: table[]) none where the search failed, which has been said
---@param from cloudops.From
function M.search(query, found, from)
  local argument = { query = query, limit = LIMIT, uri = from.uri }
  client.execute('searchResources', argument, found, from.client, function()
    found({})
  end)
end

---@param query? string
---@param from cloudops.From
local function open_select(query, from)
  local function choose(words)
    M.search(words, function(hits)
      local prompt = words == '' and 'Resources' or ('Resources: %s'):format(words)
      pick.choose(hits, prompt, M.format, actions)
    end, from)
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

---@param query? string asked for when left out
function M.open(query)
  local running = client.get()
  if not running then
    return
  end
  local from = { client = running, uri = client.is_runbook(0) and vim.uri_from_bufnr(0) or nil }
  local telescope = require('cloudops.telescope')
  if options.get('telescope') and telescope.available() then
    telescope.open(query or '', from)
  else
    open_select(query, from)
  end
end

return M
