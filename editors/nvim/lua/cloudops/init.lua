local M = {}

---Start the server for runbooks, and set options: see |cloudops-options|.
---
---Neovim 0.11 and later can do with vim.lsp.enable('cloudops_ls'), and vim.g.cloudops for options.
---@param opts? table options; `settings` are the server's, `lsp` fields of vim.lsp.Config
function M.setup(opts)
  opts = vim.deepcopy(opts or {})
  local config = opts.lsp or {}
  if opts.settings then
    config.settings = vim.tbl_deep_extend('force', config.settings or {}, { cloudops = opts.settings })
  end
  opts.lsp, opts.settings = nil, nil
  require('cloudops.options').set(opts)
  require('cloudops.client').configure(config)
end

---For a statusline: what is under way, or an empty string.
---@return string
function M.status()
  return require('cloudops.work').status()
end

return M
