-- SPDX-License-Identifier: Apache-2.0
-- Neovim's own client (vim.lsp) as a user of blindbox lsp: what it was answered goes to $BLINDBOX_RESULT as JSON.
local result = {}
local command = vim.fn.json_decode(vim.env.BLINDBOX_COMMAND)

local function request(method, line, column)
  local uri = vim.uri_from_bufnr(0)
  local params = {textDocument = {uri = uri}, position = {line = line, character = column}, context = {triggerKind = 1}}
  local answers, why = vim.lsp.buf_request_sync(0, method, params, 20000)
  if not answers then return {failed = why or uri} end
  local _, answer = next(answers)
  return answer or {failed = 'nobody answered'}
end

vim.cmd('edit ' .. vim.fn.fnameescape(vim.env.BLINDBOX_FOLDER .. '/a.py'))
local client = vim.lsp.start_client({
  name = 'blindbox', cmd = command, root_dir = vim.env.BLINDBOX_FOLDER,
  init_options = {debounceMs = 0, maxTokens = 21},
  on_exit = function(code, signal) result.exit = {code, signal} end,
  handlers = {['window/showMessage'] = function(_, message) result.shown = message.message end},
})
vim.lsp.buf_attach_client(0, client)
vim.wait(20000, function() return #vim.lsp.buf_get_clients(0) > 0 end)
result.capabilities = vim.lsp.get_client_by_id(client).server_capabilities

result.opened = request('textDocument/inlineCompletion', 1, 4)
-- An edit that only a server that counts in UTF-16 follows.
vim.api.nvim_buf_set_text(0, 0, 0, 0, 0, {"s = '😀😀'", ''})
vim.api.nvim_buf_set_text(0, 0, 14, 0, 14, {'x'})
result.changed = request('textDocument/inlineCompletion', 2, 4)
result.classic = request('textDocument/completion', 2, 4)
result.text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')

vim.lsp.stop_client(client)
vim.wait(20000, function() return result.exit ~= nil end)
local file = assert(io.open(vim.env.BLINDBOX_RESULT, 'w'))
file:write(vim.fn.json_encode(result))
file:close()
vim.cmd('qall!')
