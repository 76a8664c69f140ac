// Constants of the io_uring interface that liburing 2.3's headers do not have yet. All are probed
// at run time (probe.h) before they are relied on. Values: Linux include/uapi/linux/io_uring.h.
#ifndef SLUICE_IOURING_ABI_H_
#define SLUICE_IOURING_ABI_H_

#include <liburing.h>

#include <cstdint>

namespace sluice::iouring {

// 6.17: a multishot recv ends by itself once it has delivered this many bytes ("the credit"). The
// kernel reads it where older interfaces keep the file index.
inline void SetRecvCredit(io_uring_sqe& sqe, uint32_t bytes) { sqe.file_index = bytes; }

}  // namespace sluice::iouring

#endif  // SLUICE_IOURING_ABI_H_
