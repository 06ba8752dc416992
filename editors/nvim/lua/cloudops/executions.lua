---What was run, and what runs.
local client = require('cloudops.client')
local pick = require('cloudops.pick')
local window = require('cloudops.window')

local M = {}

local function format(execution)
  return ('%-9s  %s  %s'):format(execution.status, window.when(execution.started_at), execution.command)
end

local function show(execution)
  client.execute('executionLogs', { executionId = execution.id }, function(found)
    local one = found[1]
    local head = {
      '$ ' .. one.command,
      ('%s%s'):format(one.status, window.known(one.error) and ': ' .. one.error or ''),
      ('profile %s, region %s, account %s, %s'):format(
        window.known(one.profile) or 'default',
        window.known(one.region) or 'of the profile',
        window.known(one.account_id) or 'not known',
        window.when(one.started_at)
      ),
      '',
    }
    local text = one.output
    if text == '' and one.metadata.reveals_secret == true then
      text = 'The output holds a secret. It is stored encrypted: cloudops-ls executions show '
        .. one.id
        .. ' --reveal'
    end
    window.show('execution/' .. one.id, 'text', table.concat(head, '\n') .. text)
  end)
end

local function cancel(execution)
  client.execute('cancelExecution', { executionId = execution.id })
end

local function copy(execution)
  window.copy(execution.command)
end

local function actions(execution)
  local offered = { { 'Show output', show }, { 'Copy command', copy } }
  if execution.status == 'running' or execution.status == 'pending' then
    table.insert(offered, 2, { 'Cancel', cancel })
  end
  return offered
end

function M.open()
  client.execute('executionLogs', { limit = 100 }, function(found)
    pick.choose(found, 'Executions', format, actions)
  end)
end

return M
