---Asking and running at the cursor.
local client = require('cloudops.client')

local M = {}

---Have the server carry out a command about the place of the cursor.
---@param command string
---@param more? table
local function at_cursor(command, more)
  local here = client.get(true)
  if here then
    client.execute(command, vim.tbl_extend('force', client.place(here), more or {}), nil, here)
  end
end

---Send the paragraph at the cursor, or the selected words of it; the answer is written below it.
---@param selected? boolean the words between '< and '>
function M.ask(selected)
  if not selected then
    at_cursor('sendParagraph')
    return
  end
  local here = client.get(true)
  if not here then
    return
  end
  local range = vim.lsp.util.make_given_range_params(nil, nil, 0, here.offset_encoding)
  client.execute('sendSelection', { uri = range.textDocument.uri, range = range.range }, nil, here)
end

---Show what asking would send, and send nothing. What is sent next is exactly that.
function M.preview()
  at_cursor('previewRequest')
end

---Take one of the choices that the question at the cursor offers.
---@param number? string asked for when left out
function M.pick(number)
  if number then
    at_cursor('pickChoice', { number = tonumber(number) })
    return
  end
  vim.ui.input({ prompt = 'Number of the choice: ' }, function(given)
    if given and tonumber(given) then
      at_cursor('pickChoice', { number = tonumber(given) })
    end
  end)
end

---Check the command at the cursor, ask, and run it.
function M.run()
  at_cursor('executeCommand')
end

---Run all steps of the answer at the cursor.
---@param mode? 'step'|'all' ask before each, or once for all of them
function M.run_all(mode)
  at_cursor('runPlan', { mode = mode or 'step' })
end

---Take back the run of the command at the cursor, after a question.
function M.undo()
  local here = client.get(true)
  if not here then
    return
  end
  local place = client.place(here)
  local params = {
    textDocument = { uri = place.uri },
    range = { start = place.position, ['end'] = place.position },
    context = { diagnostics = {} },
  }
  client.call(here, 'request', 'textDocument/codeAction', params, function(_, actions)
    for _, action in ipairs(actions or {}) do
      local command = action.command
      if type(command) == 'table' and command.command == 'cloudops.undoExecution' then
        client.execute('undoExecution', command.arguments[1], nil, here)
        return
      end
    end
    client.say('nothing at the cursor can be taken back')
  end)
end

local TEMPLATES = {
  empty = { '# ', '', '' },
  maintenance = { '# Maintenance window', '', '## Before', '', '', '', '## During', '', '', '', '## Afterwards', '' },
  incident = {
    '# Incident',
    '',
    '## What is happening',
    '',
    '',
    '',
    '## What was done',
    '',
    '',
    '',
    '## What we learned',
    '',
  },
}

---@return string[]
function M.templates()
  local names = vim.tbl_keys(TEMPLATES)
  table.sort(names)
  return names
end

---Open a new runbook, not written yet.
---@param template? string
function M.new(template)
  local lines = TEMPLATES[template or 'empty']
  if not lines then
    client.say(('there is no template "%s"'):format(template), vim.log.levels.WARN)
    return
  end
  local default = ('runbook-%s.cloudops.md'):format(os.date('%Y-%m-%d'))
  vim.ui.input({ prompt = 'New runbook: ', default = default, completion = 'file' }, function(path)
    if path == nil or vim.trim(path) == '' then
      return
    end
    if not vim.endswith(path, '.cloudops.md') then
      path = path:gsub('%.md$', '') .. '.cloudops.md'
    end
    vim.cmd.edit(vim.fn.fnameescape(path))
    if vim.api.nvim_buf_line_count(0) == 1 and vim.fn.getline(1) == '' and vim.fn.filereadable(path) == 0 then
      vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
    end
  end)
end

return M
