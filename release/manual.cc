// Prints a page of the manual: manual PAGE DATE.

#include "proxy/app/manual.h"

#include <cstdio>

#include "absl/status/statusor.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: manual PAGE DATE\n", stderr);
    return 2;
  }
  const absl::StatusOr<std::string> page = sluice::proxy::ManualPage(argv[1], argv[2]);
  if (!page.ok()) {
    std::fprintf(stderr, "%s\n", std::string(page.status().message()).c_str());
    return 2;
  }
  return std::fwrite(page->data(), 1, page->size(), stdout) == page->size() ? 0 : 1;
}
