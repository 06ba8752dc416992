---The server's questions before a command runs, and for a line of text.
---
---A question never takes keys that were meant for something else: it is put in normal mode alone,
---and otherwise waits for :CloudOpsConfirm.
local client = require('cloudops.client')

local M = {}

---@class cloudops.Question
---@field ask fun(done: fun(result: any))
---@field title string
---@field co thread

---@type cloudops.Question[]
local waiting = {}
---@type cloudops.Question?
local open
---@type fun()?
local close_notice

local COLOURS = { low = 'DiagnosticInfo', medium = 'DiagnosticWarn', high = 'DiagnosticError' }

---Show lines above everything, without taking the cursor there.
---@param lines string[]
---@param colour string
---@param config table where, and how large
---@return fun() close
local function float(lines, colour, config)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  local defaults = { relative = 'editor', row = 0, style = 'minimal', border = 'rounded', focusable = false }
  local window = vim.api.nvim_open_win(buffer, false, vim.tbl_extend('force', defaults, { zindex = 40 }, config))
  vim.wo[window].wrap = true
  vim.wo[window].linebreak = true
  vim.wo[window].winhighlight = ('FloatBorder:%s,FloatTitle:%s'):format(colour, colour)
  vim.cmd.redraw()
  return function()
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
    if vim.api.nvim_buf_is_valid(buffer) then
      vim.api.nvim_buf_delete(buffer, { force = true })
    end
  end
end

---Say that a question waits, for as long as it does: a message would be gone with the next key.
local function show_notice()
  if #waiting == 0 or close_notice then
    return
  end
  local text = (' %s? waits for your answer: :CloudOpsConfirm '):format(waiting[1].title)
  local width = math.min(vim.fn.strdisplaywidth(text), vim.o.columns - 2)
  close_notice = float({ text }, 'DiagnosticWarn', { col = vim.o.columns - width - 2, width = width, height = 1 })
end

local function hide_notice()
  if close_notice then
    close_notice()
    close_notice = nil
  end
end

local function can_ask()
  local mode = vim.api.nvim_get_mode()
  return (mode.mode == 'n' or mode.mode == 'nt') and not mode.blocking and vim.fn.getcmdwintype() == ''
end

local function next_question()
  if open or #waiting == 0 then
    return
  end
  local question = table.remove(waiting, 1)
  open = question
  hide_notice()
  question.ask(function(result)
    -- A picker may call back before the request's coroutine has yielded.
    vim.schedule(function()
      if open ~= question then
        return -- its server is gone
      end
      open = nil
      local ok, err = coroutine.resume(question.co, result == nil and vim.NIL or result)
      if not ok then
        client.say(tostring(err), vim.log.levels.ERROR)
      end
      M.reopen(true)
    end)
  end)
end

---@param title string
---@param ask fun(done: fun(result: any))
local function put(title, ask)
  local question = { title = title, ask = ask, co = coroutine.running() }
  table.insert(waiting, question)
  vim.schedule(function()
    M.reopen(true)
  end)
  return coroutine.yield()
end

---Put the next question that waits.
---@param by_itself? boolean not because the operator wants to
function M.reopen(by_itself)
  if open or #waiting == 0 then
    if not by_itself then
      client.say(open and 'the question is open' or 'no question is waiting')
    end
  elseif by_itself and not can_ask() then
    show_notice()
  else
    next_question()
  end
end

---The server is gone, and with it whoever would have heard the answers.
function M.forget()
  waiting = {}
  open = nil
  hide_notice()
end

---How many questions wait for an answer.
function M.count()
  return #waiting + (open and 1 or 0)
end

---Whether vim.ui.select is Neovim's own, whose prompt may have as many lines as it takes.
local function plain_select()
  return debug.getinfo(vim.ui.select, 'S').source:find('vim/ui%.lua$') ~= nil
end

---Show the whole preview above a picker.
---@return fun() close
local function show_preview(params)
  local lines = vim.list_extend({ params.title .. '?', '' }, params.lines)
  local width = math.min(vim.o.columns - 4, 100)
  local height = 0
  for _, line in ipairs(lines) do
    height = height + math.max(1, math.ceil(vim.fn.strdisplaywidth(line) / width))
  end
  return float(lines, COLOURS[params.risk], {
    col = math.max(0, math.floor((vim.o.columns - width) / 2) - 1),
    width = width,
    height = math.max(1, math.min(height, vim.o.lines - 4)),
    title = (' Risk: %s '):format(params.risk),
  })
end

local function choices_of(params)
  local run = { answer = 'run', label = 'Run' }
  local refuse = { answer = 'refuse', label = "Don't run" }
  -- The first choice is the one that comes easiest, so it is never the dangerous one.
  local choices = params.risk == 'low' and { run, refuse } or { refuse, run }
  if vim.tbl_contains(params.choices, 'dryRun') then
    table.insert(choices, { answer = 'dryRun', label = 'Dry run first' })
  end
  table.insert(choices, { answer = 'explain', label = "Don't run, and say why…" })
  if vim.tbl_contains(params.choices, 'stopPlan') then
    table.insert(choices, { answer = 'stopPlan', label = 'Stop the plan' })
  end
  return choices
end

---High risk: the name of what is touched has to be typed, not chosen.
local function ask_for_name(params, done, again)
  local prompt = ('%sHigh risk. Type "%s" to run this in %s: '):format(
    again and 'That is not the name. ' or '',
    params.typeToConfirm,
    params.place
  )
  vim.ui.input({ prompt = prompt }, function(typed)
    if typed == nil or typed == '' then
      done(nil)
    elseif typed == params.typeToConfirm then
      done({ answer = 'run', typed = typed })
    else
      ask_for_name(params, done, true)
    end
  end)
end

local function ask_for_reason(done)
  vim.ui.input({ prompt = 'Why not? (recorded, and sent to the assistant) ' }, function(reason)
    local given = reason and vim.trim(reason) ~= ''
    done({ answer = 'refuse', reason = given and reason or nil })
  end)
end

---Answer `cloudops/confirm`: whether exactly this command may run. Leaving the question is a No.
function M.confirm(_, params)
  return put(params.title, function(done)
    local prompt, close = params.title .. '?', function() end
    if plain_select() then
      prompt = table.concat(vim.list_extend({ prompt }, params.lines), '\n')
    else
      close = show_preview(params)
    end
    local options = {
      prompt = prompt,
      kind = 'cloudops_confirm',
      format_item = function(choice)
        return choice.label
      end,
    }
    vim.ui.select(choices_of(params), options, function(choice)
      local function answer(result)
        close()
        done(result)
      end
      if choice == nil then
        answer(nil)
      elseif choice.answer == 'run' and type(params.typeToConfirm) == 'string' then
        ask_for_name(params, answer)
      elseif choice.answer == 'explain' then
        ask_for_reason(answer)
      else
        answer({ answer = choice.answer })
      end
    end)
  end)
end

---Answer `cloudops/input`: one line of text, not shown where it is secret. Nothing of it is kept.
function M.input(_, params)
  return put(params.title, function(done)
    local prompt = ('%s. %s: '):format(params.title, params.prompt)
    local function answer(value)
      done(value ~= nil and value ~= '' and { value = value } or nil)
    end
    if params.secret then
      answer(vim.fn.inputsecret(prompt))
    else
      vim.ui.input({ prompt = prompt }, answer)
    end
  end)
end

return M
