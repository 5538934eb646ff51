// What Synapse has to know of Hookshot.
function(ctx) {
  local lib = self,

  // own: the Secret that holds the registration if it was given as it is.
  hookshotRegistration(own=lib.name('hookshot'))::
    lib.credential('hookshot.appserviceRegistration', own, 'HOOKSHOT_REGISTRATION', 'HOOKSHOT_REGISTRATION'),
}
