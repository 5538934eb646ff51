// Pure helpers: nothing here knows of the stack or of Kubernetes.
{
  // The value at a dotted path, or the default where a step is missing, null or an empty text.
  get(object, path, default=null)::
    // A plain key, which is nearly every call, is found without taking the path apart.
    local found =
      if !std.isObject(object) then null
      else if std.objectHas(object, path) then object[path]
      else $.walk(object, std.split(path, '.'), 0);
    if found == null || found == '' then default else found,

  walk(value, keys, i)::
    if i == std.length(keys) then value
    else if std.isObject(value) && std.objectHas(value, keys[i]) then $.walk(value[keys[i]], keys, i + 1),

  // Ends the rendering with a message about the values file; the program shows the place in it.
  fail(path, text):: error 'values: %s: %s' % [path, text],

  // The fields of an object as [name, value]. Fields are evaluated anew whenever they are read, items of a list
  // once: what reads a field twice at each level of nesting would take time exponential in the depth.
  pairs(object):: [[key, object[key]] for key in std.objectFields(object)],
  fromPairs(pairs):: { [pair[0]]: pair[1] for pair in pairs },

  // Without the fields and items that are null, at any depth.
  compact(value)::
    if std.isObject(value) then
      $.fromPairs([[pair[0], $.compact(pair[1])] for pair in $.pairs(value) if pair[1] != null])
    else if std.isArray(value) then
      [$.compact(item) for item in value if item != null]
    else value,

  // One object with those fields that are neither null nor an empty text, list or object.
  some(object):: $.fromPairs([
    pair
    for pair in $.pairs(object)
    if pair[1] != null && (std.isNumber(pair[1]) || std.isBoolean(pair[1]) || std.length(pair[1]) > 0)
  ]),

  // Nested objects are merged, all else of b replaces what is in a. A null in b stays and removes
  // the field when the object is compacted.
  merge(a, b)::
    if std.isObject(a) && std.isObject(b) then
      a { [key]: if std.objectHas(a, key) then $.merge(a[key], b[key]) else b[key] for key in std.objectFields(b) }
    else b,

  // The items of a list without repetitions, in their order.
  unique(list):: std.foldl(function(all, item) if std.member(all, item) then all else all + [item], list, []),

  flatten(lists):: std.flattenArrays([list for list in lists if list != null]),
  join(objects):: std.foldl(function(all, object) if object == null then all else all + object, objects, {}),
  when(condition, value):: if condition then value,
  orEmpty(value):: if value == null then [] else value,

  // std.toString is the only way of writing JSON that is not itself written in Jsonnet.
  hash(value):: std.md5(std.toString(value)),
  base64(text):: std.base64(std.encodeUTF8(text)),

  // Not std.manifestJsonEx, which takes a tenth of a millisecond for each character of a text.
  json(value)::
    local write(value, indent) =
      local inner = indent + '  ';
      if std.isObject(value) && std.length(value) > 0 then
        '{\n' + std.join(',\n', [inner + $.quote(pair[0]) + ': ' + write(pair[1], inner) for pair in $.pairs(value)]) + '\n' + indent + '}'
      else if std.isArray(value) && std.length(value) > 0 then
        '[\n' + std.join(',\n', [inner + write(one, inner) for one in value]) + '\n' + indent + ']'
      else if std.isString(value) then $.quote(value)
      else std.toString(value);
    write(value, '') + '\n',

  // A text as JSON and YAML quote it. Most have nothing to escape, which the native writer tells by the length;
  // std.substr goes character by character.
  quote(text)::
    local listed = std.toString([text]);
    if std.length(listed) == std.length(text) + 4 then '"' + text + '"' else std.substr(listed, 1, std.length(listed) - 2),

  // YAML of an object, with texts in double quotes. A text that is one placeholder and nothing else loses its
  // quotes, because what render-config puts there brings its own: {password: '${X}'} gives password: ${X}.
  yaml(value, placeholders=[])::
    local bare = ['${' + name + '}' for name in placeholders];
    local full(value) = (std.isObject(value) || std.isArray(value)) && std.length(value) > 0;
    local scalar(value) =
      if !std.isString(value) then std.toString(value)
      else if std.member(bare, value) then value
      else $.quote(value);
    // The lines of a list or object, without indentation of the first; and what follows a key.
    local lines(value, indent) =
      if std.isObject(value) then
        std.join('\n' + indent, [$.quote(pair[0]) + ':' + follow(pair[1], indent + '  ') for pair in $.pairs(value)])
      else
        std.join('\n' + indent, [
          '-' + (if std.isObject(one) && full(one) then ' ' + lines(one, indent + '  ') else follow(one, indent + '  '))
          for one in value
        ]),
          follow(value, indent) = if full(value) then '\n' + indent + lines(value, indent) else ' ' + scalar(value);
    (if full(value) then lines(value, '') else scalar(value)) + '\n',

  // JSON that a user wrote into a text value.
  parseJson(path, text)::
    // std.parseJson gives its own error, which the program puts below ours.
    local parsed = std.parseJson(text);
    if !std.isObject(parsed) then $.fail(path, 'is not a JSON object') else parsed,

  // 100M, 4Gi, 512Mi, ... in bytes.
  bytes(path, text)::
    local units = {
      Ki: 1024,
      Mi: 1048576,
      Gi: 1073741824,
      Ti: 1099511627776,
      K: 1024,
      k: 1000,
      M: 1048576,
      G: 1073741824,
    };
    local matches = [unit for unit in ['Ki', 'Mi', 'Gi', 'Ti', 'K', 'k', 'M', 'G'] if std.endsWith(text, unit)];
    if matches == [] then std.parseInt(text)
    else std.parseInt(std.substr(text, 0, std.length(text) - std.length(matches[0]))) * units[matches[0]],
}
