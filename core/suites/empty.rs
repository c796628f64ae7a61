// A package needs a target; this one is never compiled.
