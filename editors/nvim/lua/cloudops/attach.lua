---What a runbook's buffer gets when the server attaches to it.
local options = require('cloudops.options')

local M = {}

local ACTIONS = {
  ask = { 'CloudOpsAsk', 'ask about the paragraph' },
  run = { 'CloudOpsRun', 'run the command' },
  run_all = { 'CloudOpsRunAll', 'run all steps of the answer' },
  cancel = { 'CloudOpsCancel', 'cancel what is under way' },
  confirm = { 'CloudOpsConfirm', 'answer the question that waits' },
  undo = { 'CloudOpsUndo', 'take the run back' },
  resources = { 'CloudOpsResources', 'find a resource' },
  executions = { 'CloudOpsExecutions', 'what was run' },
  conversations = { 'CloudOpsConversations', 'what was said' },
  accounts = { 'CloudOpsAccounts', 'choose a profile' },
}

local function map(bufnr)
  local wanted = options.get('keymaps')
  if not wanted then
    return
  end
  local keys = vim.tbl_extend('force', options.KEYMAPS, type(wanted) == 'table' and wanted or {})
  for action, key in pairs(keys) do
    local command = ACTIONS[action]
    if command and key then
      vim.keymap.set('n', key, ('<cmd>%s<cr>'):format(command[1]), {
        buffer = bufnr,
        desc = 'CloudOps: ' .. command[2],
      })
      if action == 'ask' then
        -- Selected words are given to the command as its range.
        vim.keymap.set('x', key, ':CloudOpsAsk<cr>', {
          buffer = bufnr,
          silent = true,
          desc = 'CloudOps: ask about the selected words',
        })
      end
    end
  end
end

local function show_lenses(client, bufnr)
  if vim.fn.has('nvim-0.12') == 1 then
    vim.lsp.codelens.enable(true, { bufnr = bufnr, client_id = client.id })
    return
  end
  local group = vim.api.nvim_create_augroup('cloudops.codelens.' .. bufnr, {})
  vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertLeave', 'TextChanged' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      vim.lsp.codelens.refresh({ bufnr = bufnr })
    end,
  })
  vim.lsp.codelens.refresh({ bufnr = bufnr })
end

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  map(bufnr)
  if options.get('completion') and vim.lsp.completion then
    vim.lsp.completion.enable(true, client.id, bufnr, { autotrigger = true })
  end
  if options.get('inlay_hints') then
    vim.lsp.inlay_hint.enable(true, { bufnr = bufnr })
  end
  if options.get('codelens') then
    show_lenses(client, bufnr)
  end
end

return M
