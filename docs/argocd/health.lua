-- Health of a ModelService or a ModelVersion for Argo CD, read from their conditions alone.
-- The same script serves both kinds; docs/operations.md shows where Argo CD wants it.

local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function health(name, condition)
  local message = ""
  if condition ~= nil then
    message = (condition.reason or "") .. ": " .. (condition.message or "")
  end
  return {status = name, message = message}
end

local function is(type, value)
  return conditions[type] ~= nil and conditions[type].status == value
end

-- A version is a record: it is complete once it exists.
if obj.kind == "ModelVersion" then
  return {status = "Healthy", message = "Registered"}
end

-- What was written about an older spec says nothing about this one.
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator to see this generation"}
end
-- Before Suspended and Healthy: a service whose new spec is refused may serve the old one on.
if is("Stalled", "True") then
  return health("Degraded", conditions.Stalled)
end
if obj.spec.suspend == true then
  return health("Suspended", conditions.Ready)
end
if is("Ready", "True") then
  return health("Healthy", conditions.Ready)
end
return health("Progressing", conditions.Ready)
