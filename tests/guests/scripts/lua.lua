-- SPDX-License-Identifier: MIT
local t={} for i=1,20000 do t[i]=(i*7919)%10007 end table.sort(t) local s=0 for i=1,#t do s=(s*31+t[i])%1000003 end print(s, string.format("%.15g", math.pi*2), 10/3)
local function fib(n) if n<2 then return n end return fib(n-1)+fib(n-2) end print(fib(20))
for w in ("the quick brown fox"):gmatch("%a+") do io.write(w:upper()," ") end print()
print(pcall(error,"x")) print(math.floor(2^40), math.sin(1), math.exp(1), math.log(10))
