"""
OpenStack Swift with its S3 interface, all of it in one folder and on free ports of 127.0.0.1: one device, one replica.

    python3 swift.py <folder> <access key> <secret key>

The access key is `account:user`. The port of the S3 interface is the first line of the output. It ends with its input,
that is with whoever started it, and with the first of its servers that ends.
"""

import ctypes
import os
import signal
import sys

import swift.common.utils

FOLDER, ACCESS_KEY, SECRET_KEY = sys.argv[1:4]
ACCOUNT, USER = ACCESS_KEY.split(':')
ETC = os.path.join(FOLDER, 'etc')
DEVICES = os.path.join(FOLDER, 'devices')
DEVICE = 'disk'
PR_SET_PDEATHSIG = 1

os.makedirs(ETC)
os.makedirs(os.path.join(DEVICES, DEVICE))

# Read while the modules below are imported, and found nowhere else but in /etc.
swift.common.utils.SWIFT_CONF_FILE = os.path.join(ETC, 'swift.conf')
with open(swift.common.utils.SWIFT_CONF_FILE, 'w', encoding='ascii') as file:
    file.write('[swift-hash]\nswift_hash_path_suffix = hedgerow\n')

import eventlet  # noqa: E402
from swift.common import memcached, wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

COMMON = f'''
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {{port}}
# In the foreground, as whoever started it.
workers = 0
swift_dir = {ETC}
devices = {DEVICES}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_level = ERROR
# Nobody listens there: errors go to the standard error.
log_udp_host = 127.0.0.1
log_udp_port = 9
'''

STORAGE = COMMON + '''
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
# On a busy machine too, what was stored is in the next listing: nothing here brings late news to it.
node_timeout = 60
conn_timeout = 10
container_update_timeout = 60
'''

PROXY = COMMON + f'''
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy slo dlo symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 60
recoverable_node_timeout = 60
conn_timeout = 10
[filter:cache]
paste.filter_factory = forgetful:factory
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_upload_part_num = 10000
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCOUNT}_{USER} = {SECRET_KEY} .admin
''' + '\n'.join(
    f'[filter:{name}]\nuse = egg:swift#{name}'
    for name in ['catch_errors', 'gatekeeper', 'listing_formats', 'bulk', 'copy', 'slo', 'dlo', 'symlink']
)

# Taken before anything is told of them, so that nobody else gets them meanwhile.
sockets = {name: eventlet.listen(('127.0.0.1', 0), backlog=1024)
           for name in ['account', 'container', 'object', 'proxy']}


class Forgetful(memcached.MemcacheRing):
    """In the place of memcached, for one must be there: what it is asked for has just been lost."""

    def __init__(self):
        super().__init__([])

    def get(self, *_, **__):
        return None

    def set(self, *_, **__):
        pass

    def delete(self, *_, **__):
        pass


def factory(*_, **__):
    cache = Forgetful()

    def in_front_of(app):
        def answer(env, start_response):
            env['swift.cache'] = cache
            return app(env, start_response)
        return answer
    return in_front_of


# Under a name by which the configuration of the proxy finds it.
sys.modules['forgetful'] = sys.modules[__name__]


def port_of(name):
    return sockets[name].getsockname()[1]


def make_ring(name):
    """As swift-ring-builder makes it of `create`, `add` and `rebalance`."""
    builder = RingBuilder(2, 1, 0)
    builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': port_of(name),
                     'replication_ip': '127.0.0.1', 'replication_port': port_of(name),
                     'device': DEVICE, 'weight': 1, 'meta': ''})
    builder.rebalance(seed='hedgerow')
    builder.get_ring().save(os.path.join(ETC, f'{name}.ring.gz'))


def serve(name):
    """In a process of its own, until this one ends."""
    pid = os.fork()
    if pid != 0:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    wsgi.get_socket = lambda conf: sockets[name]
    path = os.path.join(ETC, f'{name}.conf')
    with open(path, 'w', encoding='ascii') as file:
        file.write((PROXY if name == 'proxy' else STORAGE).format(name=name, port=port_of(name)))
    options = {'verbose': True}
    if name == 'object':
        from swift.obj import server
        options['global_conf_callback'] = server.global_conf_callback
    os._exit(wsgi.run_wsgi(path, f'{name}-server', **options))


for name in ['account', 'container', 'object']:
    make_ring(name)


def end(*_):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os._exit(1)


print(port_of('proxy'), flush=True)
os.dup2(2, 1)
pids = [serve(name) for name in sockets]
signal.signal(signal.SIGCHLD, end)
signal.signal(signal.SIGTERM, end)
sys.stdin.read()
end()
