---@brief
---
--- https://pypi.org/project/cloudops-ls/
---
--- Language server for runbooks (`*.cloudops.md`): names of AWS resources complete, hovering shows what they are, a
--- paragraph is answered by an assistant, and `aws` commands run only after exactly they are confirmed.
---
--- ```sh
--- uv tool install cloudops-ls   # or: pipx install cloudops-ls
--- cloudops-ls scan --profile production
--- ```
---
--- All other Markdown files are left alone. One server serves all runbooks of a window.

---@type vim.lsp.Config
return {
  cmd = { 'cloudops-ls' },
  filetypes = { 'markdown' },
  root_dir = function(bufnr, on_dir)
    local name = vim.api.nvim_buf_get_name(bufnr)
    if vim.endswith(name, '.cloudops.md') then
      on_dir(vim.fs.root(bufnr, '.git') or vim.fs.dirname(name))
    end
  end,
  reuse_client = function(client, config)
    return client.name == config.name and not client:is_stopped()
  end,
  settings = {
    cloudops = vim.empty_dict(),
  },
}
