---What was said in runbooks.
local client = require('cloudops.client')
local pick = require('cloudops.pick')
local window = require('cloudops.window')

local M = {}

local ENDINGS = { markdown = 'md', html = 'html', json = 'json' }

local function title_of(conversation)
  return window.known(conversation.title) or conversation.id
end

local function format(conversation)
  local labels = #conversation.labels > 0 and '  [' .. table.concat(conversation.labels, ', ') .. ']' or ''
  return ('%s  %s%s'):format(window.when(conversation.updatedAt), title_of(conversation), labels)
end

local function transcript(conversation)
  client.execute('exportConversation', { id = conversation.id }, function(told)
    window.show('conversation/' .. conversation.id, 'markdown', told.text)
  end)
end

local function open_file(conversation)
  local file = window.known(conversation.file)
  local path = file and vim.uri_to_fname(file)
  if path and vim.uv.fs_stat(path) then
    vim.cmd.edit(vim.fn.fnameescape(path))
    return
  end
  client.say('the runbook is gone; this is what was said in it')
  transcript(conversation)
end

local function rename(conversation)
  vim.ui.input({ prompt = 'Title: ', default = conversation.title }, function(title)
    if title and vim.trim(title) ~= '' then
      client.execute('renameConversation', { id = conversation.id, title = vim.trim(title) })
    end
  end)
end

local function label(conversation)
  local now = table.concat(conversation.labels, ', ')
  vim.ui.input({ prompt = 'Labels, separated by commas: ', default = now }, function(given)
    if given == nil then
      return
    end
    local labels = vim.iter(vim.split(given, ',')):map(vim.trim):filter(function(each)
      return each ~= ''
    end)
    client.execute('labelConversation', { id = conversation.id, labels = labels:totable() })
  end)
end

local function write(path, text)
  local file, why = io.open(path, 'wb')
  if not file then
    client.say(('cannot write %s: %s'):format(path, why), vim.log.levels.ERROR)
    return
  end
  file:write(text)
  file:close()
  client.say('exported to ' .. path)
end

local function export(conversation)
  local formats = vim.tbl_keys(ENDINGS)
  table.sort(formats, function(a, b)
    return a > b
  end)
  vim.ui.select(formats, { prompt = 'Export as', kind = 'cloudops_format' }, function(format_)
    if not format_ then
      return
    end
    local name = title_of(conversation):gsub('[^%w%-_]+', '-'):gsub('^%-+', ''):gsub('%-+$', '')
    local default = ('%s.%s'):format(name == '' and 'conversation' or name, ENDINGS[format_])
    vim.ui.input({ prompt = 'Export to: ', default = default, completion = 'file' }, function(path)
      if path == nil or vim.trim(path) == '' then
        return
      end
      path = vim.fn.expand(path)
      if vim.uv.fs_stat(path) and vim.fn.confirm(path .. ' exists. Replace it?', '&Yes\n&No', 2) ~= 1 then
        return
      end
      client.execute('exportConversation', { id = conversation.id, format = format_ }, function(told)
        write(path, told.text)
      end)
    end)
  end)
end

local function delete(conversation)
  -- The server asks before it does.
  client.execute('deleteConversation', { id = conversation.id }, function(told)
    if told.status == 'deleted' then
      client.say('deleted')
    end
  end)
end

local function actions()
  return {
    { 'Open the runbook', open_file },
    { 'Show what was said', transcript },
    { 'Rename…', rename },
    { 'Label…', label },
    { 'Export…', export },
    { 'Delete…', delete },
  }
end

---@param query? string words that were said
function M.open(query)
  client.execute('conversations', { query = query or '', limit = 100 }, function(found)
    pick.choose(found, query and ('Conversations: %s'):format(query) or 'Conversations', format, actions)
  end)
end

return M
