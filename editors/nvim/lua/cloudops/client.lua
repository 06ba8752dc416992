---The running server: finding, starting, asking it.
local M = {}

M.NAME = 'cloudops_ls'

local SUFFIX = '.cloudops.md'
local RESTARTS = 5
local WITHIN_SECONDS = 180

---@type number[] when the server was started again by itself
local restarts = {}
---@type table? the configuration of setup() on Neovim 0.10
local configured

---Call a method of a client; they became methods proper in Neovim 0.11.
function M.call(client, name, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return client[name](client, ...)
  end
  return client[name](...)
end

---@param message string
---@param level? integer
function M.say(message, level)
  vim.notify('CloudOps: ' .. message, level or vim.log.levels.INFO)
end

---@param bufnr integer
function M.is_runbook(bufnr)
  return vim.bo[bufnr].filetype == 'markdown' and vim.endswith(vim.api.nvim_buf_get_name(bufnr), SUFFIX)
end

---@param config table fields of vim.lsp.Config that differ from lsp/cloudops_ls.lua
function M.configure(config)
  if vim.lsp.config then
    vim.lsp.config(M.NAME, config)
    vim.lsp.enable(M.NAME)
    return
  end
  local defaults = dofile(vim.api.nvim_get_runtime_file('lsp/cloudops_ls.lua', false)[1])
  configured = vim.tbl_deep_extend('force', defaults, config, { name = M.NAME })
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('cloudops.start', {}),
    pattern = configured.filetypes,
    callback = function(event)
      M.start(event.buf)
    end,
  })
  M.start_everywhere()
end

---The configuration in force, nil where neither vim.lsp.enable nor setup() was called.
---@return table?
function M.config()
  if configured then
    return configured
  end
  local enabled = vim.lsp.is_enabled == nil or vim.lsp.is_enabled(M.NAME)
  return vim.lsp.config and enabled and vim.lsp.config[M.NAME] or nil
end

---Start the server for a buffer, or attach the running one to it.
---@param bufnr integer
function M.start(bufnr)
  local config = M.config()
  if not config or not vim.tbl_contains(config.filetypes, vim.bo[bufnr].filetype) then
    return
  end
  config = vim.tbl_extend('force', config, { name = M.NAME })
  config.root_dir(bufnr, function(root)
    vim.lsp.start(vim.tbl_extend('force', config, { root_dir = root }), {
      bufnr = bufnr,
      reuse_client = function(client)
        return client.name == M.NAME and not M.call(client, 'is_stopped')
      end,
    })
  end)
end

function M.start_everywhere()
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) then
      M.start(bufnr)
    end
  end
end

---End the server and start it again, for all open runbooks.
function M.restart()
  local running = vim.lsp.get_clients({ name = M.NAME })
  for _, client in ipairs(running) do
    M.call(client, 'stop')
  end
  local ended = vim.wait(5000, function()
    return #vim.lsp.get_clients({ name = M.NAME }) == 0
  end, 20)
  if not ended then
    for _, client in ipairs(running) do
      M.call(client, 'stop', true)
    end
  end
  restarts = {}
  M.start_everywhere()
end

---A server that died is started again, up to five times in three minutes.
---@param code integer
---@param signal integer
function M.ended(code, signal)
  -- 0 is a normal end, SIGTERM what Neovim sends to one that does not end.
  if (code == 0 and signal == 0) or signal == 15 then
    return
  end
  vim.schedule(function()
    if vim.v.exiting ~= vim.NIL then
      return
    end
    require('cloudops.questions').forget()
    local now = vim.uv.now() / 1000
    restarts = vim.tbl_filter(function(at)
      return now - at < WITHIN_SECONDS
    end, restarts)
    if #restarts >= RESTARTS then
      M.say('the language server keeps ending. See :CloudOpsLog, then :CloudOpsRestart', vim.log.levels.ERROR)
      return
    end
    table.insert(restarts, now)
    M.say('the language server ended and is started again', vim.log.levels.WARN)
    M.start_everywhere()
  end)
end

---The client of the current buffer, else any; says what to do where there is none.
---@param only_here? boolean it has to be the current buffer's
function M.get(only_here)
  local client = vim.lsp.get_clients({ name = M.NAME, bufnr = vim.api.nvim_get_current_buf() })[1]
    or (not only_here and vim.lsp.get_clients({ name = M.NAME })[1])
  if client then
    return client
  end
  if M.is_runbook(0) then
    M.say('the language server does not run here; see :checkhealth cloudops', vim.log.levels.WARN)
  else
    M.say('open a runbook (*.cloudops.md) first', vim.log.levels.WARN)
  end
end

local function failed(err)
  M.say(err.message or tostring(err), vim.log.levels.ERROR)
end

---Have the server carry out a command.
---@param command string id without the "cloudops." before it
---@param argument? table
---@param done? fun(result: any) not called when the command failed: the server has said so
---@param client? vim.lsp.Client
---@param otherwise? fun() called when it failed
function M.execute(command, argument, done, client, otherwise)
  otherwise = otherwise or function() end
  client = client or M.get()
  if not client then
    otherwise()
    return
  end
  local params = { command = 'cloudops.' .. command, arguments = { argument or vim.empty_dict() } }
  M.call(client, 'request', 'workspace/executeCommand', params, function(err, result)
    if err then
      failed(err)
      otherwise()
    elseif type(result) == 'table' and result.status == 'failed' then
      otherwise()
    elseif done then
      done(result)
    end
  end)
end

---The same, waiting for the answer: for the completion of command lines.
function M.execute_now(command, argument)
  local client = vim.lsp.get_clients({ name = M.NAME })[1]
  if not client then
    return nil
  end
  local params = { command = 'cloudops.' .. command, arguments = { argument or vim.empty_dict() } }
  local answer = M.call(client, 'request_sync', 'workspace/executeCommand', params, 2000, 0)
  return answer and answer.result
end

---Where the cursor is, as the server's commands take it.
---@param client vim.lsp.Client
function M.place(client)
  local here = vim.lsp.util.make_position_params(0, client.offset_encoding)
  return { uri = here.textDocument.uri, position = here.position }
end

return M
