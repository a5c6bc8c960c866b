// What stands between a query and a script. Evaluated before the script, so that nothing the script redefines is used.
// Values travel as JSON; what JSON cannot say is a tagged array: ["a", items], ["d", milliseconds], ["n", "NaN"] …
(function () {
  "use strict";
  const { parse, stringify } = JSON;
  const { keys, defineProperty } = Object;
  const { isArray, from } = Array;
  const { isFinite } = Number;
  const DateOf = Date, MapOf = Map, SetOf = Set, NumberOf = Number, RegExpOf = RegExp, StringOf = String;
  const TypeErrorOf = TypeError, ReferenceErrorOf = ReferenceError;
  const call = Function.prototype.call;
  const classOf = call.bind(Object.prototype.toString), time = call.bind(DateOf.prototype.getTime);
  const wellFormed = call.bind(String.prototype.toWellFormed), map = call.bind(Array.prototype.map);
  const search = call.bind(RegExpOf.prototype.exec), slice = call.bind(String.prototype.slice);
  const get = call.bind(MapOf.prototype.get), set = call.bind(MapOf.prototype.set);
  const drop = call.bind(MapOf.prototype.delete), has = call.bind(MapOf.prototype.has);
  const instances = new MapOf(), patterns = new MapOf();
  let entry, last = 0;

  function $put(record, key, value) {
    defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  }
  function $decode(value) {
    if (value === null || typeof value !== "object") return value;
    if (!isArray(value)) {
      const record = {};
      for (const key of keys(value)) $put(record, key, $decode(value[key]));
      return record;
    }
    const inside = value[1];
    switch (value[0]) {
      case "a": return map(inside, (each) => $decode(each));
      case "d": return new DateOf(inside);
      case "n": return NumberOf(inside);
      case "u": return undefined;
      case "m": return new MapOf(map(inside, (each) => [$decode(each[0]), $decode(each[1])]));
      default: return new SetOf(map(inside, (each) => $decode(each)));
    }
  }
  function $fields(value, encode, skip) {
    const record = {};
    for (const key of keys(value)) {
      if (!(skip && typeof value[key] === "function")) $put(record, wellFormed(key), encode(value[key]));
    }
    return record;
  }
  // A value as the query takes it. Source: Stream Analytics and JavaScript type conversion.
  function $encode(value) {
    if (value === null || value === undefined) return null;
    if (typeof value === "string") return wellFormed(value);
    const kind = classOf(value);
    if (typeof value === "number") {
      if (isFinite(value)) return value;
    } else if (kind === "[object Array]") return ["a", map(value, (each) => $encode(each))];
    else if (typeof value === "object" && kind === "[object Object]") return $fields(value, $encode, false);
    else if (kind === "[object Date]") {
      if (isFinite(time(value))) return ["d", time(value)];
      throw new TypeErrorOf("an invalid Date was returned");
    }
    const shown = typeof value === "number" ? StringOf(value) : slice(kind, 8, -1);
    throw new TypeErrorOf(`${shown} was returned, for which Stream Analytics has no type`);
  }
  // A value as a job's state keeps it: whatever `this` of an aggregate may hold.
  function $keep(value) {
    if (value === undefined) return ["u"];
    if (typeof value === "boolean") return value;
    if (typeof value === "number" && (!isFinite(value) || Object.is(value, -0))) {
      return ["n", Object.is(value, -0) ? "-0" : StringOf(value)];
    }
    const kind = value === null || typeof value !== "object" ? "" : classOf(value);
    if (kind === "[object Array]") return ["a", map(value, (each) => $keep(each))];
    if (kind === "[object Map]") return ["m", map(from(value), (each) => [$keep(each[0]), $keep(each[1])])];
    if (kind === "[object Set]") return ["s", map(from(value), (each) => $keep(each))];
    if (kind === "[object Object]") return $fields(value, $keep, false);
    if (kind === "[object Date]") return ["d", time(value)];
    if (typeof value === "string" || typeof value === "number" || value === null) return value;
    throw new TypeErrorOf(`a ${kind ? slice(kind, 8, -1) : typeof value} in this cannot be kept in the state of a job`);
  }
  function $new() {
    const instance = new entry();
    for (const name of ["init", "accumulate", "computeResult"]) {
      if (typeof instance[name] !== "function") throw new ReferenceErrorOf(`this.${name} is not a function`);
    }
    return instance;
  }
  function $instance(number) { return get(instances, number); }
  function $enter(instance) {
    last += 1;
    set(instances, last, instance);
    return last;
  }
  function $match(pattern, text) {
    if (!has(patterns, pattern)) {
      let found = null;
      try { found = new RegExpOf(pattern, "is"); } catch (error) { /* an invalid pattern matches nothing */ }
      set(patterns, pattern, found);
    }
    const expression = get(patterns, pattern);
    const found = expression && search(expression, text);
    return found ? from(slice(text, 0, found.index)).length + 1 : 0;
  }
  return function $dispatch(operation, first, second) {
    switch (operation) {
      case "entry": entry = first; return null;
      case "call": return stringify($encode(entry(...$decode(parse(first)))));
      case "check": $new(); return null;
      case "new": { const made = $new(); made.init(); return $enter(made); }
      case "add": $instance(first).accumulate(...$decode(parse(second))); return null;
      case "remove": $instance(first).deaccumulate(...$decode(parse(second))); return null;
      case "subtract": $instance(first).deaccumulateState($instance(second)); return null;
      case "result": return stringify($encode($instance(first).computeResult()));
      case "save": return stringify($fields($instance(first), $keep, true));
      case "load": {
        const made = $new(), kept = $decode(parse(first));
        made.init();
        for (const key of keys(made)) if (typeof made[key] !== "function") delete made[key];
        for (const key of keys(kept)) made[key] = kept[key];
        return $enter(made);
      }
      case "drop": drop(instances, first); return null;
      default: return $match(first, second);
    }
  };
})()
