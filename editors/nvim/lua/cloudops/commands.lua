---The user commands, and the completion of their arguments.
local M = {}

---@param candidates string[]
---@param lead string
local function beginning_with(candidates, lead)
  return vim.tbl_filter(function(each)
    return vim.startswith(each, lead)
  end, candidates)
end

---@param candidates string[]|fun(): string[]
local function one_of(candidates)
  return function(lead)
    return beginning_with(type(candidates) == 'function' and candidates() or candidates, lead)
  end
end

local FILTERS = { 'type:', 'region:', 'account:', 'state:', 'tag:' }

local function filters(lead)
  local key = lead:match('^(%a+):')
  if not key then
    return beginning_with(FILTERS, lead)
  end
  local values = vim.tbl_map(function(value)
    return ('%s:%s'):format(key, value)
  end, require('cloudops.estate').values(key))
  return beginning_with(values, lead)
end

---Call a function of a module of this plugin, which is loaded when it is first needed.
local function calls(module, name, argument)
  return function(given)
    require('cloudops.' .. module)[name](argument and argument(given))
  end
end

---@return string? the words behind the command
local function words(given)
  return given.args ~= '' and given.args or nil
end

local function each_word(given)
  return given.fargs
end

local function profiles()
  return require('cloudops.accounts').names()
end

local function accounts(given)
  local module = require('cloudops.accounts')
  if given.args ~= '' then
    module.select(given.args)
  else
    module.open()
  end
end

local function log()
  local lsp_log = vim.lsp.log or require('vim.lsp.log')
  vim.cmd.tabedit(vim.fn.fnameescape(lsp_log.get_filename()))
end

local COMMANDS = {
  Ask = {
    calls('runbook', 'ask', function(given)
      return given.range > 0
    end),
    'send the paragraph at the cursor, or the selected words',
    range = true,
  },
  Preview = { calls('runbook', 'preview'), 'show what asking would send' },
  Pick = { calls('runbook', 'pick', words), 'take one of the choices of the question at the cursor', nargs = '?' },
  Run = { calls('runbook', 'run'), 'check, confirm and run the command at the cursor' },
  RunAll = {
    calls('runbook', 'run_all', words),
    'run all steps of the answer at the cursor, asking before each (step) or once (all)',
    nargs = '?',
    complete = one_of({ 'step', 'all' }),
  },
  Undo = { calls('runbook', 'undo'), 'take back the run of the command at the cursor' },
  New = {
    calls('runbook', 'new', words),
    'open a new runbook',
    nargs = '?',
    complete = one_of(function()
      return require('cloudops.runbook').templates()
    end),
  },
  Confirm = { calls('questions', 'reopen'), 'answer the question that waits' },
  Cancel = {
    calls('work', 'cancel', function(given)
      return given.bang
    end),
    'cancel what is under way; with ! all of it',
    bang = true,
  },
  Resources = { calls('resources', 'open', words), 'find resources', nargs = '*', complete = filters },
  Executions = { calls('executions', 'open'), 'what was run, and what runs' },
  Conversations = { calls('conversations', 'open', words), 'what was said in runbooks', nargs = '*' },
  Accounts = { accounts, 'choose a profile', nargs = '?', complete = one_of(profiles) },
  SignIn = { calls('accounts', 'sign_in', words), 'sign in to a profile', nargs = '?', complete = one_of(profiles) },
  SignOut = { calls('accounts', 'sign_out'), 'forget the sessions that codes opened' },
  Scan = {
    calls('estate', 'scan', each_word),
    'read the resources of your accounts',
    nargs = '*',
    complete = one_of(function()
      return require('cloudops.estate').values('type')
    end),
  },
  Sync = {
    calls('estate', 'sync', words),
    'ask AWS about what changed',
    nargs = '?',
    complete = one_of({ 'full', 'incremental' }),
  },
  Status = { calls('estate', 'status'), 'how well the estate is known' },
  Backup = {
    calls('backup', 'run', words),
    'make, list, restore and verify backups',
    nargs = '?',
    complete = one_of(function()
      return require('cloudops.backup').verbs()
    end),
  },
  Restart = { calls('client', 'restart'), 'start the language server again' },
  Log = { log, "open Neovim's log of language servers" },
}

function M.define()
  for name, command in pairs(COMMANDS) do
    vim.api.nvim_create_user_command('CloudOps' .. name, command[1], {
      desc = 'CloudOps: ' .. command[2],
      nargs = command.nargs or 0,
      bang = command.bang,
      range = command.range,
      complete = command.complete,
    })
  end
end

---@return table<string, string> what each command does, by name
function M.descriptions()
  local found = {}
  for name, command in pairs(COMMANDS) do
    found['CloudOps' .. name] = command[2]
  end
  return found
end

return M
