// sluice.h: all of the runtime in one include.
//
//     #include "core/sluice.h"
//     namespace core = sluice::core;
//
//     core::Task<int> Main() {
//       co_await core::Sleep(5ms);
//       co_return 0;
//     }
//     int main() { return core::RunMain(Main()); }
//
// What there is: core/README.md. Programs that care for the time their build takes include the
// headers that they use. Checked by: tests/core/io/program_test.cc.
#ifndef SLUICE_CORE_SLUICE_H_
#define SLUICE_CORE_SLUICE_H_

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/big_endian.h"
#include "core/bytes/buf_reader.h"
#include "core/bytes/copy.h"
#include "core/bytes/frames.h"
#include "core/bytes/span_reader.h"
#include "core/bytes/transferred.h"
#include "core/bytes/whole.h"
#include "core/combine/from_callback.h"
#include "core/combine/future.h"
#include "core/combine/join_all.h"
#include "core/combine/retry.h"
#include "core/combine/run_with_limit.h"
#include "core/combine/start.h"
#include "core/combine/stop_token.h"
#include "core/combine/unordered.h"
#include "core/io/accept_stream.h"
#include "core/io/connect.h"
#include "core/io/halves.h"
#include "core/io/net_result.h"
#include "core/io/poll.h"
#include "core/io/recv_stream.h"
#include "core/io/resolve/resolve.h"
#include "core/io/run_main.h"
#include "core/io/send.h"
#include "core/io/signals.h"
#include "core/io/tcp.h"
#include "core/io/udp.h"
#include "core/io/unix.h"
#include "core/net/address.h"
#include "core/runtime/backend.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/join_set.h"
#include "core/runtime/options.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/spawn_local.h"
#include "core/runtime/task_group.h"
#include "core/runtime/task_tracker.h"
#include "core/sync/barrier.h"
#include "core/sync/broadcast.h"
#include "core/sync/cancellation.h"
#include "core/sync/event.h"
#include "core/sync/mpmc.h"
#include "core/sync/mpsc.h"
#include "core/sync/mutex.h"
#include "core/sync/notify.h"
#include "core/sync/once_cell.h"
#include "core/sync/oneshot.h"
#include "core/sync/rw_lock.h"
#include "core/sync/semaphore.h"
#include "core/sync/watch.h"
#include "core/task/co_invoke.h"
#include "core/task/join.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/task/select_loop.h"
#include "core/task/select_ordered.h"
#include "core/task/shield.h"
#include "core/task/task.h"
#include "core/task/task_local.h"
#include "core/task/yield.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"

#endif  // SLUICE_CORE_SLUICE_H_
