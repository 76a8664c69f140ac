// DescriptorNotes: what a backend knows of a descriptor by its number (that it is registered, of
// what kind it is), and forgets before the number is used again.
//
//   closed by the reactor that a worker has    Reactor::Close: that runtime forgets
//   closed by a thread that is no worker       CloseElsewhere: all runtimes forget
//
// A note that stays behind is taken for one of the next descriptor of that number: it would wait
// for readiness that no one tells of. Two runtimes do not share a descriptor while both run.
// Threads: any. Checked by: tests/core/io/pipe_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_REACTOR_DESCRIPTOR_NOTES_H_
#define SLUICE_CORE_REACTOR_DESCRIPTOR_NOTES_H_

namespace sluice::core {

class DescriptorNotes {
 public:
  DescriptorNotes(const DescriptorNotes&) = delete;
  DescriptorNotes& operator=(const DescriptorNotes&) = delete;

  // close(2), when all have forgotten `fd`. Nothing of it is in flight.
  static void CloseElsewhere(int fd);

 protected:
  DescriptorNotes() = default;
  ~DescriptorNotes() = default;

  // Between the two Forget may be called: the last act of a constructor, the first of a destructor.
  void EnterList();
  void LeaveList();

  // Any thread.
  virtual void Forget(int fd) = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_DESCRIPTOR_NOTES_H_
