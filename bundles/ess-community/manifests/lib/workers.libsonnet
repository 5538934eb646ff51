// The kinds of Synapse's processes beside the main one: facts, with nothing of an installation in them.
// Synapse's documentation says what each may do (docs/workers.md there).
//
//   short     in names of objects, which have to be short; labels have the name of the kind
//   scalable  whether there can be more than one
//   http      answers clients or servers; replication: is called by other processes
//   stream    the stream that it writes
//   names     settings that name its processes: one or a list of them
//   fallback  whether the main process answers while there is none of these
//   balance   how HAProxy chooses among several; maxconn, queue, timeout: limits in HAProxy
local single = { scalable: false, http: false, replication: false, fallback: true };
local scalable = single { scalable: true };
local http = { http: true };
local writer(stream) = { replication: true, stream: stream };
local byToken = { balance: 'hash var(txn.token)' };

{
  'account-data': single + http + writer('account_data'),
  appservice: single { setting: 'notify_appservices_from_worker' },
  background: single { setting: 'run_background_tasks_on' },
  'client-reader': scalable + http,
  'device-lists': scalable + http + writer('device_lists'),
  encryption: single + http + writer('to_device'),
  'event-creator': scalable + http { balance: 'hash var(txn.place)' },
  'event-persister': scalable + writer('events') { short: 'event-persist' },
  'federation-inbound': scalable + http { short: 'fed-inbound', balance: 'hash var(txn.client)' },
  'federation-reader': scalable + http { short: 'fed-reader', balance: 'uri whole' },
  'federation-sender': scalable { listSetting: 'federation_sender_instances', off: 'send_federation' },
  'initial-synchrotron': scalable + http + byToken { short: 'initial-sync', maxconn: 50 },
  'mas-helper': scalable + http,
  'media-repository': single + http + writer('quarantined_media_changes') {
    short: 'media-repo',
    app: 'synapse.app.media_repository',
    setting: 'media_instance_running_background_jobs',
    fallback: false,
    // The main process writes this stream as well: it serves the admin API.
    withMain: true,
  },
  'presence-writer': single + http + writer('presence') { short: 'presence-write' },
  'push-rules': single + http + writer('push_rules'),
  pusher: scalable { listSetting: 'pusher_instances', off: 'start_pushers' },
  receipts: scalable + http + writer('receipts'),
  'sliding-sync': scalable + http + byToken { maxconn: 2000, queue: '5s' },
  'sso-login': single + http { fallback: false },
  synchrotron: scalable + http + byToken { maxconn: 2000, queue: '5s' },
  'typing-persister': single + http + writer('typing') { short: 'typing' },
  'user-dir': single + http { setting: 'update_user_directory_from_worker' },
}
