-- Asks for many URLs in turn: args[1] is a file with one request a line, "path<TAB>token" (a token may be missing), args[2]
-- the line to begin behind. What happened is printed as one line of JSON.
local list, n, i = {}, 0, 0

function init(args)
  for line in io.lines(args[1]) do
    local path, token = line:match("^([^\t]*)\t?(.*)$")
    local headers = {}
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    n = n + 1
    list[n] = wrk.format("GET", path, headers)
  end
  i = (tonumber(args[2]) or 0) % n
  if n == 1 then
    local only = list[1]
    request = function() return only end
  else
    request = function()
      i = i % n + 1
      return list[i]
    end
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\nRESULT {"requests":%d,"us":%d,"bytes":%d,"status_errors":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout))
end
