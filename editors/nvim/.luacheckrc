-- Neovim's Lua is LuaJIT with the global `vim`.
std = "luajit"
globals = { "vim" }
max_line_length = 120
