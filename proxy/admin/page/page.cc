#include "proxy/admin/page/page.h"

#include <algorithm>
#include <span>
#include <string>

namespace sluice::proxy {
namespace {

// Nothing but the page's own files runs, and no other page may hold it in a frame.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

const PageFile* FindPageFile(std::string_view path) {
  const std::span<const PageFile> files = PageFiles();
  const auto found = std::ranges::find(files, path, &PageFile::path);
  return found == files.end() ? nullptr : &*found;
}

HttpResponse PageAnswer(const PageFile& file, std::string_view if_none_match) {
  const bool is_known = if_none_match.find(file.etag) != std::string_view::npos;
  return {.status = is_known ? 304 : 200,
          .content_type = std::string(file.content_type),
          .body = is_known ? "" : std::string(file.content),
          .headers = {{"ETag", std::string(file.etag)},
                      {"Content-Security-Policy", kPolicy},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Referrer-Policy", "no-referrer"}},
          .cache_control = "no-cache"};
}

}  // namespace sluice::proxy
