---What is under way, as the standard $/progress tells it.
local client = require('cloudops.client')
local options = require('cloudops.options')

local M = {}

---@class cloudops.Work
---@field token string|integer
---@field client_id integer
---@field title string
---@field message? string
---@field shown? integer of the message that shows it, Neovim 0.12

---@type cloudops.Work[] the oldest first
local works = {}

local function find(client_id, token)
  for index, work in ipairs(works) do
    if work.client_id == client_id and work.token == token then
      return work, index
    end
  end
end

local function echo(work, value)
  -- These show the same; twice would be noise.
  if not options.get('progress') or package.loaded['fidget'] or package.loaded['noice'] then
    return
  end
  local text = work.title
  if value.message and value.message ~= '' then
    text = text .. ': ' .. value.message
  end
  text = text:gsub('%s+', ' ')
  -- One line only, or it would have to be confirmed with Enter; 0.12 puts title and percentage
  -- before it.
  local room = vim.v.echospace - #'CloudOps: 100% '
  if vim.fn.strdisplaywidth(text) > room then
    text = vim.fn.strcharpart(text, 0, room - 1) .. '…'
  end
  if vim.fn.has('nvim-0.12') == 1 then
    work.shown = vim.api.nvim_echo({ { text } }, false, {
      id = work.shown,
      kind = 'progress',
      source = 'cloudops',
      title = 'CloudOps',
      status = value.kind == 'end' and 'success' or 'running',
      percent = value.percentage,
    })
  else
    vim.api.nvim_echo({ { text } }, false, {})
  end
  -- What the next one does not find drawn, it is written below.
  vim.cmd.redraw()
end

---@param from vim.lsp.Client
---@param params lsp.ProgressParams
function M.progress(from, params)
  local value = params.value
  if type(value) ~= 'table' then
    return
  end
  local work, index = find(from.id, params.token)
  if value.kind == 'begin' then
    work = { token = params.token, client_id = from.id, title = value.title }
    table.insert(works, work)
  elseif not work then
    return
  elseif value.kind == 'end' then
    table.remove(works, index)
  end
  work.message = value.message or work.message
  echo(work, value)
end

---@return cloudops.Work[] of servers that still run, the newest first
local function under_way()
  works = vim.tbl_filter(function(work)
    return vim.lsp.get_client_by_id(work.client_id) ~= nil
  end, works)
  local newest = {}
  for index = #works, 1, -1 do
    table.insert(newest, works[index])
  end
  return newest
end

local function cancel(work)
  local running = vim.lsp.get_client_by_id(work.client_id)
  if running then
    client.call(running, 'notify', 'window/workDoneProgress/cancel', { token = work.token })
  end
end

---Cancel what is under way; asks which when there is more than one.
---@param all? boolean
function M.cancel(all)
  local found = under_way()
  if #found == 0 then
    client.say('nothing is under way')
  elseif all or #found == 1 then
    vim.iter(found):each(cancel)
  else
    vim.ui.select(found, {
      prompt = 'Cancel what?',
      kind = 'cloudops_work',
      format_item = function(work)
        return work.message and ('%s: %s'):format(work.title, work.message) or work.title
      end,
    }, function(work)
      if work then
        cancel(work)
      end
    end)
  end
end

---For a statusline: what is under way, or an empty string.
function M.status()
  local newest = under_way()[1]
  return newest and ('%s%s'):format(newest.title, newest.message and ': ' .. newest.message or '') or ''
end

return M
