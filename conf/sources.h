// Sources: what a configuration was read from, so that a change of it can be noticed.
//
//     LoadResult loaded = LoadFile(path, env);
//     if (LookAgain(loaded.sources) != loaded.sources) ...    // another load may bring another one
//
// Pipes, sockets and devices are none: they can be read once.
// Checked by: tests/conf/sources_test.cc.
#ifndef SLUICE_CONF_SOURCES_H_
#define SLUICE_CONF_SOURCES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::conf {

// More of a configuration's file is not read; one byte more shows that there is more. About twice
// what Document::kMaxNodes values take. yaml-cpp may need 240 times the text in memory.
inline constexpr size_t kMaxFileBytes = size_t{2} << 20;

struct Source {
  std::string path;                  // of a file, or a pattern for the names of files
  bool is_pattern = false;           // what it finds counts, not what these files have
  uint64_t digest = 0;               // of the text, or of the names; 0: it cannot be read
  size_t max_bytes = kMaxFileBytes;  // of a file; what is behind them is not looked at

  bool operator==(const Source&) const = default;
};

using Sources = std::vector<Source>;

// FNV-1a; never 0.
uint64_t DigestOf(std::string_view text);

// The files that `pattern` finds, by their names.
std::vector<std::string> FilesOf(const std::string& pattern);
uint64_t DigestOf(const std::vector<std::string>& names);

// The same sources as they are now. May wait for a disk.
Sources LookAgain(const Sources& sources);

// The text of a file, or an errno; in `sources` it is one more, unless it is a pipe or the like.
struct FileText {
  int error = 0;  // an errno
  std::string text;
};
FileText ReadSource(const std::string& path, Sources& sources, size_t max_bytes = kMaxFileBytes);

// The same without waiting: what is no file on a disk (a pipe, a socket, a device) is not read: the
// error is ESPIPE.
FileText ReadRegularFile(const std::string& path);

// Why the file cannot be read, as a message says it.
std::string WhyUnreadable(const std::string& path, int error);

// `name` next to the file `path`, unless it is absolute.
std::string RelativeTo(const std::string& path, const std::string& name);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SOURCES_H_
