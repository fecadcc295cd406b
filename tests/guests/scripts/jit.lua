-- A compiler at work while its program runs: loops become traces, which are linked, left and thrown away again;
-- numbers change their kind inside a loop; errors and coroutines come out of compiled code.
local function set(n)
    local c = 0
    for y = 0, n - 1 do
        for x = 0, n - 1 do
            local cr, ci, zr, zi, i = 2 * x / n - 1.5, 2 * y / n - 1, 0, 0, 0
            while i < 30 and zr * zr + zi * zi < 4 do
                zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
                i = i + 1
            end
            c = c + i
        end
    end
    return c
end
print(set(60), (jit.status()))
local t = {}
for i = 1, 3000 do t[i] = tostring(i * 1.7):reverse() end
table.sort(t)
print(t[1], t[777], t[3000], #table.concat(t))
local s = 0
for i = 1, 30000 do s = bit.bxor(bit.rol(s, 3), i * 7) end
print(s)
local v = 1
for i = 1, 400 do v = i < 200 and v * 3 % 1000003 or v / 1.0625 + math.sin(i) end
print(string.format("%.15g %.15g", v, math.exp(1.5) + math.log(7)))
for round = 1, 3 do
    local f = loadstring("local n = ... local s = 0 for i = 1, n do s = s + i % " .. round + 2 .. " end return s")
    print(f(2000 * round))
    jit.flush()
end
print(pcall(function() local function f(n) return 1 + f(n + 1) end return f(1) end))
local w = coroutine.wrap(function() for i = 1, 300 do coroutine.yield(i * i) end end)
local z = 0
for i = 1, 300 do z = z + w() end
print(z)
