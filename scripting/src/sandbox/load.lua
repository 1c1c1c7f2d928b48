-- `load` as a function of Lua: it reads all pieces, then compiles them as text.
local loadstring, type, pcall, concat, byte = ...

return function(reader, name)
  local pieces, count = {}, 0
  while true do
    local ok, piece = pcall(reader)
    if not ok then return nil, piece end
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' and type(piece) ~= 'number' then
      return nil, 'reader function must return a string'
    end
    count = count + 1
    pieces[count] = piece
    -- Compiled code is no text, and is refused from its first byte on.
    if count == 1 and byte(piece, 1) == 27 then break end
  end
  return loadstring(concat(pieces), name or '=(load)')
end
