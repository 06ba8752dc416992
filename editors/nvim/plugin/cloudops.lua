if vim.g.loaded_cloudops then
  return
end
vim.g.loaded_cloudops = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.notify('CloudOps needs Neovim 0.10 or later', vim.log.levels.ERROR)
  return
end

require('cloudops.commands').define()

-- The code action "Copy command" is the editor's to carry out; a server has no clipboard.
vim.lsp.commands['cloudops.copyCommand'] = function(command)
  require('cloudops.window').copy(command.arguments[1].text)
end

local group = vim.api.nvim_create_augroup('cloudops', {})

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  desc = 'CloudOps: keymaps, completion and hints of a runbook',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'cloudops_ls' then
      require('cloudops.attach').attach(client, event.buf)
    end
  end,
})

vim.api.nvim_create_autocmd('LspProgress', {
  group = group,
  desc = 'CloudOps: what is under way, and its cancelling',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'cloudops_ls' then
      -- Neovim 0.10 until 0.10.2 calls the value "result".
      require('cloudops.work').progress(client, event.data.params or event.data.result)
    end
  end,
})
