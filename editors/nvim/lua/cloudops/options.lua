local M = {}

---Buffer-local keys of runbooks; see |cloudops-keymaps|.
M.KEYMAPS = {
  ask = '<localleader>a',
  run = '<localleader>r',
  run_all = '<localleader>R',
  cancel = '<localleader>x',
  confirm = '<localleader>y',
  undo = '<localleader>u',
  resources = '<localleader>s',
  executions = '<localleader>e',
  conversations = '<localleader>c',
  accounts = '<localleader>p',
}

---@class cloudops.Options
M.DEFAULTS = {
  ---@type boolean|table<string, string|false> true for the keys above, or keys that differ from them
  keymaps = false,
  ---@type boolean offer completions while typing (Neovim 0.11 and later)
  completion = false,
  ---@type boolean show states behind the names of resources
  inlay_hints = false,
  ---@type boolean show risk and "Run" above commands
  codelens = false,
  ---@type boolean echo what is under way; fidget.nvim and noice.nvim show it by themselves
  progress = true,
  ---@type boolean find resources while typing, where telescope.nvim is installed
  telescope = true,
}

local given = {}

---Take over options; unknown ones are named, and ignored.
---@param options table
function M.set(options)
  for name, value in pairs(options) do
    local default = M.DEFAULTS[name]
    local fits = type(value) == type(default) or (name == 'keymaps' and type(value) == 'table')
    if default == nil then
      vim.notify(('CloudOps: there is no option "%s" (:help cloudops-options)'):format(name), vim.log.levels.WARN)
    elseif not fits then
      vim.notify(('CloudOps: the option "%s" is a %s'):format(name, type(default)), vim.log.levels.WARN)
    else
      given[name] = value
    end
  end
end

---What setup() was given, else vim.g.cloudops, else the default.
---@param name string
function M.get(name)
  if given[name] ~= nil then
    return given[name]
  end
  local global = type(vim.g.cloudops) == 'table' and vim.g.cloudops or {}
  if global[name] ~= nil then
    return global[name]
  end
  return M.DEFAULTS[name]
end

return M
