local function define(name, action, desc)
  vim.api.nvim_create_user_command(name, function()
    require('cloudops')[action]()
  end, { desc = desc })
end

define('CloudOpsAsk', 'ask', 'CloudOps: send the paragraph at the cursor')
define('CloudOpsRun', 'run', 'CloudOps: check, confirm and run the command at the cursor')
define('CloudOpsScan', 'scan', 'CloudOps: scan the estate')

-- The code action "Copy command" is the editor's to carry out; a server has no clipboard.
vim.lsp.commands['cloudops.copyCommand'] = function(command)
  vim.fn.setreg(vim.fn.has('clipboard') == 1 and '+' or '"', command.arguments[1].text)
end
