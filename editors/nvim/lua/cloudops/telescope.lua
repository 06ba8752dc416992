---Finding resources while typing, where telescope.nvim is installed.
local resources = require('cloudops.resources')

local M = {}

---@return boolean
function M.available()
  return (pcall(require, 'telescope'))
end

---What telescope asks for each text of its prompt; it runs that in a coroutine of plenary's.
---@param from cloudops.From
local function searcher(from)
  local oneshot = require('plenary.async.control').channel.oneshot
  return function(words)
    local answer, answered = oneshot()
    resources.search(vim.trim(words), answer, from)
    return answered()
  end
end

local function entry(hit)
  local text = resources.format(hit)
  return { value = hit, display = text, ordinal = text }
end

---The card beside the list, from what is stored: going through the list asks AWS nothing.
---@param from cloudops.From
local function previewer(from)
  return require('telescope.previewers').new_buffer_previewer({
    title = 'Card',
    get_buffer_by_name = function(_, chosen)
      return chosen.value.resource.arn
    end,
    define_preview = function(self, chosen)
      local buffer = self.state.bufnr
      resources.card(chosen.value, function(text)
        if vim.api.nvim_buf_is_valid(buffer) then
          vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\r?\n'))
          vim.bo[buffer].filetype = 'markdown'
        end
      end, from)
    end,
  })
end

---@param query string what the prompt begins with
---@param from cloudops.From
function M.open(query, from)
  local actions = require('telescope.actions')
  local options = { default_text = query }
  require('telescope.pickers')
    .new(options, {
      prompt_title = 'Resources: words, type:rds state:stopped …',
      finder = require('telescope.finders').new_dynamic({ fn = searcher(from), entry_maker = entry }),
      previewer = previewer(from),
      -- The server has the best first.
      sorter = require('telescope.sorters').highlighter_only(options),
      attach_mappings = function(prompt)
        actions.select_default:replace(function()
          local chosen = require('telescope.actions.state').get_selected_entry()
          actions.close(prompt)
          if chosen then
            resources.act(chosen.value)
          end
        end)
        return true
      end,
    })
    :find()
end

return M
