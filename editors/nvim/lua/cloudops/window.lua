---Text beside the runbook, and the clipboard.
local M = {}

---@param text string
function M.copy(text)
  vim.fn.setreg(vim.fn.has('clipboard') == 1 and '+' or '"', text)
  vim.notify('CloudOps: copied')
end

---Show text in a read-only window; q closes it. The same name shows it in the same buffer.
---@param name string
---@param filetype string
---@param text string
function M.show(name, filetype, text)
  local uri = 'cloudops://' .. name
  local buffer = vim.fn.bufadd(uri)
  vim.fn.bufload(buffer)
  vim.bo[buffer].buftype = 'nofile'
  vim.bo[buffer].bufhidden = 'wipe'
  vim.bo[buffer].swapfile = false
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\r?\n'))
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].modified = false
  vim.bo[buffer].filetype = filetype
  local window = vim.fn.bufwinid(buffer)
  if window == -1 then
    vim.cmd.split()
    window = vim.api.nvim_get_current_win()
    vim.api.nvim_win_set_buf(window, buffer)
    vim.wo[window].wrap = true
  else
    vim.api.nvim_set_current_win(window)
  end
  vim.keymap.set('n', 'q', '<cmd>close<cr>', { buffer = buffer, nowait = true, desc = 'Close' })
end

---@param iso? string an ISO 8601 time in UTC
---@return string in local time, to the minute
function M.when(iso)
  if type(iso) ~= 'string' then
    return ''
  end
  local year, month, day, hour, minute, second = iso:match('^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)')
  if not year then
    return iso
  end
  local utc = os.time({ year = year, month = month, day = day, hour = hour, min = minute, sec = second })
  local now = os.time()
  local offset = os.difftime(now, os.time(os.date('!*t', now) --[[@as osdateparam]]))
  return os.date('%Y-%m-%d %H:%M', utc + offset) --[[@as string]]
end

---@param value any as JSON null comes from the server
---@return any nil for null
function M.known(value)
  if value == vim.NIL or value == '' then
    return nil
  end
  return value
end

return M
