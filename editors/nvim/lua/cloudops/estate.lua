---Reading the estate from AWS, and how well it is known.
local client = require('cloudops.client')
local window = require('cloudops.window')

local M = {}

---Read the resources of the accounts.
---@param types? string[] catalog types; all of the settings when left out
function M.scan(types)
  local some = types and #types > 0
  client.execute('scanEstate', some and { types = types } or nil, function(told)
    if told.resources then
      client.say(('%d resources are known'):format(told.resources))
    end
  end)
end

---Ask AWS about what changed.
---@param kind? 'full'|'incremental'
function M.sync(kind)
  client.execute('triggerSync', { kind = kind or 'incremental' }, function(told)
    if told.status == 'complete' or told.status == 'incomplete' then
      client.say(('synchronised; %d resources'):format(told.resources or 0))
    end
  end)
end

local function table_of(told)
  local lines = { '# CloudOps estate', '', ('%d resources.'):format(told.resources), '', '## Accounts', '' }
  for _, account in ipairs(told.accounts) do
    local alias = window.known(account.alias)
    table.insert(
      lines,
      ('- %s%s: %s'):format(account.account_id, alias and ' ' .. alias or '', table.concat(account.profiles, ', '))
    )
  end
  vim.list_extend(lines, { '', '## Synchronisations', '' })
  for _, run in ipairs(told.runs or {}) do
    local state = window.known(run.finished_at) and (run.complete and 'complete' or 'incomplete') or 'under way'
    table.insert(
      lines,
      ('- %s  %s  %s, %d resources'):format(window.when(run.started_at), run.kind, state, run.resources)
    )
    for _, problem in ipairs(run.problems) do
      table.insert(lines, '  - ' .. problem:gsub('\n', ' '))
    end
  end
  local failing = vim.iter(told.scopes):filter(function(scope)
    return window.known(scope.error) ~= nil
  end)
  local shown = failing:totable()
  if #shown > 0 then
    vim.list_extend(lines, { '', '## Cannot be listed', '' })
    for _, scope in ipairs(shown) do
      local error_ = scope.error:gsub('\n', ' ')
      table.insert(lines, ('- %s %s %s: %s'):format(scope.account_id, scope.region, scope.resource_type, error_))
    end
  end
  return table.concat(lines, '\n')
end

---Show what is known, since when, and what could not be listed.
function M.status()
  client.execute('syncStatus', nil, function(told)
    window.show('estate', 'markdown', table_of(told))
  end)
end

---Values of a filter, for completion.
---@param key string
---@return string[]
function M.values(key)
  local told = client.execute_now('scanStatus')
  if not told then
    return {}
  end
  local found = {}
  local columns = { type = 'resource_type', region = 'region', account = 'account_id' }
  for _, scope in ipairs(columns[key] and told.scopes or {}) do
    if scope.count > 0 then
      found[scope[columns[key]]] = true
    end
  end
  for _, account in ipairs(key == 'account' and told.accounts or {}) do
    if window.known(account.alias) then
      found[account.alias] = true
    end
  end
  local values = vim.tbl_keys(found)
  table.sort(values)
  return values
end

return M
