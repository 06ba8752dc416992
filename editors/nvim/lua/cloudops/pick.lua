---Choosing one of many, with vim.ui.select or whatever has taken its place.
local client = require('cloudops.client')

local M = {}

---Choose one, then what to do with it.
---@param items any[]
---@param prompt string
---@param format fun(item: any): string
---@param actions fun(item: any): { [1]: string, [2]: fun(item: any) }[]
function M.choose(items, prompt, format, actions)
  if #items == 0 then
    client.say(prompt .. ': none')
    return
  end
  vim.ui.select(items, { prompt = prompt, kind = 'cloudops', format_item = format }, function(item)
    if item then
      M.act(item, format, actions)
    end
  end)
end

---@param item any
---@param format fun(item: any): string
---@param actions fun(item: any): { [1]: string, [2]: fun(item: any) }[]
function M.act(item, format, actions)
  local offered = actions(item)
  if #offered == 1 then
    offered[1][2](item)
    return
  end
  vim.ui.select(offered, {
    prompt = format(item),
    kind = 'cloudops_action',
    format_item = function(action)
      return action[1]
    end,
  }, function(action)
    if action then
      action[2](item)
    end
  end)
end

return M
