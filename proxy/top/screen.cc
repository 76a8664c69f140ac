#include "proxy/top/screen.h"

#include <algorithm>

namespace sluice::proxy {
namespace {

bool Begins(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, Begins));
}

std::string Cut(const std::string& text, size_t width) {
  if (WidthOf(text) <= width) return text;
  if (width == 0) return "";
  size_t left = width;
  size_t end = 0;
  for (; end < text.size(); ++end) {
    if (Begins(text[end]) && left-- == 1) break;
  }
  return text.substr(0, end) + "~";
}

}  // namespace sluice::proxy
