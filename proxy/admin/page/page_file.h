// The page that people keep open, as files that are part of the binary.
#ifndef SLUICE_PROXY_ADMIN_PAGE_PAGE_FILE_H_
#define SLUICE_PROXY_ADMIN_PAGE_PAGE_FILE_H_

#include <span>
#include <string_view>

namespace sluice::proxy {

struct PageFile {
  std::string_view path;  // "/style.css"; "/" is the page itself
  std::string_view content_type;
  std::string_view etag;  // with its quotes; another one for every other content
  std::string_view content;
};

// embed.py writes them.
std::span<const PageFile> PageFiles();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_PAGE_PAGE_FILE_H_
