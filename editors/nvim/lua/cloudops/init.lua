local M = {}

local NAME = 'cloudops_ls'

---Start the server for runbooks. Neovim 0.11 and later can do with vim.lsp.enable('cloudops_ls').
---@param config? table fields of vim.lsp.Config that differ from lsp/cloudops_ls.lua
function M.setup(config)
  if vim.lsp.config then
    vim.lsp.config(NAME, config or {})
    vim.lsp.enable(NAME)
    return
  end

  local defaults = dofile(vim.api.nvim_get_runtime_file('lsp/cloudops_ls.lua', false)[1])
  local merged = vim.tbl_deep_extend('force', defaults, config or {}, { name = NAME })

  local function start(bufnr)
    merged.root_dir(bufnr, function(root)
      vim.lsp.start(vim.tbl_extend('force', merged, { root_dir = root }), {
        bufnr = bufnr,
        reuse_client = function(client)
          return client.name == NAME and not client.is_stopped()
        end,
      })
    end)
  end

  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('cloudops', {}),
    pattern = merged.filetypes,
    callback = function(event)
      start(event.buf)
    end,
  })
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) and vim.tbl_contains(merged.filetypes, vim.bo[bufnr].filetype) then
      start(bufnr)
    end
  end
end

---@return vim.lsp.Client?
local function client_of(filter)
  local client = vim.lsp.get_clients(vim.tbl_extend('force', filter, { name = NAME }))[1]
  if not client then
    vim.notify('CloudOps: open a runbook (*.cloudops.md) first', vim.log.levels.WARN)
  end
  return client
end

---@param client vim.lsp.Client
local function execute(client, command, argument)
  local params = { command = command, arguments = { argument } }
  -- The server shows its own failures; an error here is one of the protocol.
  local function done(err)
    if err then
      vim.notify('CloudOps: ' .. err.message, vim.log.levels.ERROR)
    end
  end
  if vim.fn.has('nvim-0.11') == 1 then
    client:request('workspace/executeCommand', params, done)
  else
    client.request('workspace/executeCommand', params, done)
  end
end

local function execute_at_cursor(command)
  local client = client_of({ bufnr = 0 })
  if client then
    local here = vim.lsp.util.make_position_params(0, client.offset_encoding)
    execute(client, command, { uri = here.textDocument.uri, position = here.position })
  end
end

---Send the paragraph at the cursor.
function M.ask()
  execute_at_cursor('cloudops.sendParagraph')
end

---Check the command at the cursor, ask, and run it.
function M.run()
  execute_at_cursor('cloudops.executeCommand')
end

---Scan the estate.
function M.scan()
  local client = client_of({})
  if client then
    execute(client, 'cloudops.scanEstate', vim.empty_dict())
  end
end

return M
