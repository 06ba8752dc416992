-- Configuration for vim.lsp.enable('cloudops_ls'), Neovim 0.11 and later.

---@type vim.lsp.Config
return {
  cmd = { 'cloudops-ls' },
  filetypes = { 'markdown' },
  -- Not calling on_dir leaves all other Markdown alone.
  root_dir = function(bufnr, on_dir)
    local name = vim.api.nvim_buf_get_name(bufnr)
    if vim.endswith(name, '.cloudops.md') then
      on_dir(vim.fs.root(bufnr, '.git') or vim.fs.dirname(name))
    end
  end,
  -- One server serves all runbooks, whatever folders they are in.
  reuse_client = function(client, config)
    return client.name == config.name and not client:is_stopped()
  end,
  settings = { cloudops = vim.empty_dict() },
  -- What this client can do beyond LSP: docs/safety.md, "For editors".
  init_options = { client = { confirm = true, input = true, requestPreview = true } },
  handlers = {
    ['cloudops/confirm'] = function(...)
      return require('cloudops.questions').confirm(...)
    end,
    ['cloudops/input'] = function(...)
      return require('cloudops.questions').input(...)
    end,
    ['cloudops/requestPreview'] = function(_, params)
      require('cloudops.window').show('preview', params.languageId, params.text)
    end,
  },
  on_exit = function(code, signal)
    require('cloudops.client').ended(code, signal)
  end,
}
