#include "proxy/observe/access_log/record_units.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// The last `digits` digits of `value`, at `to`.
void PutDigits(uint64_t value, size_t digits, char* to) {
  for (size_t i = digits; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

// Not gmtime_r: it takes a lock of the C library's that all threads share.
void AppendTime(std::chrono::sys_time<std::chrono::microseconds> time, std::string& out) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto micros = static_cast<uint64_t>((time - day).count());
  const auto seconds = static_cast<uint32_t>(micros / 1000000);
  char text[] = "YYYY-MM-DDThh:mm:ss.uuuuuuZ";
  PutDigits(static_cast<uint32_t>(static_cast<int>(date.year())), 4, text);
  PutDigits(static_cast<uint32_t>(date.month()), 2, text + 5);
  PutDigits(static_cast<uint32_t>(date.day()), 2, text + 8);
  PutDigits(seconds / 3600, 2, text + 11);
  PutDigits(seconds / 60 % 60, 2, text + 14);
  PutDigits(seconds % 60, 2, text + 17);
  PutDigits(micros % 1000000, 6, text + 20);
  out.append(text, sizeof(text) - 1);
}

void AppendMillis(core::Duration duration, std::string& out) {
  char fraction[] = ".fff";
  PutDigits(static_cast<uint64_t>(duration % 1ms / 1us), 3, fraction + 1);
  absl::StrAppend(&out, duration / 1ms, fraction);
}

}  // namespace sluice::proxy
