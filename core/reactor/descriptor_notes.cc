#include "core/reactor/descriptor_notes.h"

#include <unistd.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::core {
namespace {

struct List {
  absl::Mutex mutex;
  std::vector<DescriptorNotes*> all ABSL_GUARDED_BY(mutex);
};

// Never destroyed: threads may close descriptors while the process ends.
List& TheList() {
  static List& list = *new List;
  return list;
}

}  // namespace

void DescriptorNotes::EnterList() {
  List& list = TheList();
  absl::MutexLock lock(&list.mutex);
  list.all.push_back(this);
}

void DescriptorNotes::LeaveList() {
  List& list = TheList();
  absl::MutexLock lock(&list.mutex);
  std::erase(list.all, this);
}

void DescriptorNotes::CloseElsewhere(int fd) {
  {
    List& list = TheList();
    absl::MutexLock lock(&list.mutex);
    for (DescriptorNotes* notes : list.all) notes->Forget(fd);
  }
  close(fd);
}

}  // namespace sluice::core
