---:checkhealth cloudops
local client = require('cloudops.client')
local options = require('cloudops.options')

local M = {}

local health = vim.health

local function check_neovim()
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok(('Neovim %s: vim.lsp.enable and setup both work'):format(version))
  elseif vim.fn.has('nvim-0.10') == 1 then
    health.ok(("Neovim %s: needs require('cloudops').setup()"):format(version))
  else
    health.error(('Neovim %s is too old'):format(version), 'Install 0.10 or later')
  end
end

local function check_server()
  local config = client.config()
  if not config then
    health.error('the server is not configured', {
      "Neovim 0.11 and later: vim.lsp.enable('cloudops_ls')",
      "Neovim 0.10: require('cloudops').setup()",
    })
    return
  end
  local command = config.cmd
  if type(command) ~= 'table' then
    health.ok('the server is started by a function')
    return
  end
  local path = vim.fn.exepath(command[1])
  if path == '' then
    health.error(('"%s" is not on the PATH'):format(command[1]), {
      'Install it: uv tool install cloudops-ls',
      "or give its path: vim.lsp.config('cloudops_ls', { cmd = { '/path/to/cloudops-ls' } })",
    })
    return
  end
  local words = vim.list_extend({ path }, { unpack(command, 2) })
  local ok, run = pcall(vim.system, vim.list_extend(words, { '--version' }), { text = true, timeout = 20000 })
  local told = ok and run:wait() or { code = -1, stderr = tostring(run) }
  if told.code == 0 then
    health.ok(('%s: %s'):format(path, vim.trim(told.stdout)))
  else
    health.error(('%s does not start'):format(path), vim.split(vim.trim(told.stderr or ''), '\n'))
  end
end

local function check_clients()
  local running = vim.lsp.get_clients({ name = client.NAME })
  if #running == 0 then
    health.info('not running; it starts with the first *.cloudops.md that is opened')
  end
  for _, each in ipairs(running) do
    local count = vim.tbl_count(each.attached_buffers)
    local known = each.server_info and each.server_info.version or 'of an unknown version'
    health.ok(('running: %s, %d runbooks, positions in %s'):format(known, count, each.offset_encoding))
  end
  local questions = require('cloudops.questions').count()
  if questions > 0 then
    health.warn(('%d questions wait for an answer'):format(questions), ':CloudOpsConfirm')
  end
end

local function check_comfort()
  local own = debug.getinfo(vim.ui.select, 'S').source:find('vim/ui%.lua$') ~= nil
  health.info('vim.ui.select is ' .. (own and "Neovim's own" or 'a picker'))
  local live = options.get('telescope') and require('cloudops.telescope').available()
  health.info('resources are found ' .. (live and 'while typing, with telescope.nvim' or 'with vim.ui.select'))
  if vim.fn.has('clipboard') == 1 then
    health.ok('what is copied goes to the clipboard')
  else
    health.info('there is no clipboard; what is copied goes to the unnamed register')
  end
end

function M.check()
  health.start('cloudops: Neovim')
  check_neovim()
  health.start('cloudops: language server')
  check_server()
  check_clients()
  health.start('cloudops: comfort')
  check_comfort()
end

return M
