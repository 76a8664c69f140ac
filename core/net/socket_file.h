// SocketFile: the file of a UNIX listener, from bind(2) to unlink(2), among processes that start
// and stop on the same path at the same time.
//
//            lock the directory                                          unlock
//   NO FILE ─────────────────────► bind, owner and mode, listen ─────────► LISTENING
//   SOCKET ── it is in use ─────► EADDRINUSE (asked without a connection)      │
//      └───── it is unused ─────► lock, look again, unlink, bind as above      │ Remove: lock;
//   ANOTHER KIND OF FILE ───────► EADDRINUSE, untouched                        │ unlink only if the
//                                                                              ▼ path still has the
//                                                                           REMOVED  inode we bound
//
// The lock is flock(2) on the directory's own descriptor: it leaves no file behind, ends with the
// process, and needs no more than the right to read the directory. It makes looking and unlinking
// one step among processes of this program; bind(2) itself decides between us and other programs.
// A process that only holds the lock (any reader of the directory may) delays a start by
// kLockPatience and no more. Without the lock the name is still checked once more after listen(2).
//
// The inode cannot be used again for another file while the listener is open, so Remove comes
// before the close.
//
// Errors are errno values, 0 is success. Any thread.
#ifndef SLUICE_CORE_NET_SOCKET_FILE_H_
#define SLUICE_CORE_NET_SOCKET_FILE_H_

#include <sys/stat.h>

#include <string>

#include "core/net/address.h"
#include "core/net/socket_options.h"

namespace sluice::core {

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;  // 0: none

  bool operator==(const FileId&) const = default;
};

struct SocketFile {
  std::string path;  // "": no file is ours
  FileId id;
  // A file whose listener could only be found by connecting to it: a further attempt with the same
  // SocketFile does not connect again. It disturbs each such listener once.
  FileId live;
};

// Binds `fd` to `address`, which has a path, and listens. On success `file` is what RemoveFile
// takes.
int ListenAtPath(int fd, const Address& address, const ListenOptions& options, SocketFile& file);

// Unlinks the file if the path still names it. While its listener is open.
void RemoveFile(const SocketFile& file);

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_SOCKET_FILE_H_
