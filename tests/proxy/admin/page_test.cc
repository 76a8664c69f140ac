// The files of the page, as the binary has them.

#include "proxy/admin/page/page.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace sluice::proxy {
namespace {

std::map<std::string, std::string> HeadersOf(const HttpResponse& response) {
  return {response.headers.begin(), response.headers.end()};
}

TEST(Page, EachFileHasItsTypeAndItsEtag) {
  std::set<std::string_view> etags;
  for (const PageFile& file : PageFiles()) {
    EXPECT_EQ(FindPageFile(file.path), &file);
    EXPECT_FALSE(file.content.empty()) << file.path;
    etags.insert(file.etag);
    const bool is_script = file.path.ends_with(".js");
    EXPECT_TRUE(file.content_type.starts_with(is_script          ? "text/javascript"
                                              : file.path == "/" ? "text/html"
                                                                 : "text/css"))
        << file.path;
  }
  EXPECT_EQ(etags.size(), PageFiles().size());
  EXPECT_EQ(FindPageFile("/index.html"), nullptr);
  EXPECT_EQ(FindPageFile(""), nullptr);
}

TEST(Page, WhatIsKnownIsNotSentAgain) {
  const PageFile& file = *FindPageFile("/");
  const HttpResponse whole = PageAnswer(file, "");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, file.content);
  EXPECT_EQ(whole.cache_control, "no-cache");
  EXPECT_EQ(HeadersOf(whole).at("ETag"), file.etag);
  EXPECT_EQ(PageAnswer(file, "\"another\"").status, 200);
  for (const std::string& known : {std::string(file.etag), "\"x\", W/" + std::string(file.etag)}) {
    const HttpResponse answer = PageAnswer(file, known);
    EXPECT_EQ(answer.status, 304);
    EXPECT_EQ(answer.body, "");
  }
}

// The policy forbids what is written into the document: it would not work, and nobody would see it.
TEST(Page, NothingIsWrittenIntoTheDocument) {
  const std::string policy =
      HeadersOf(PageAnswer(*FindPageFile("/"), "")).at("Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  const std::string_view page = FindPageFile("/")->content;
  for (const char* const inlined : {"<style", " style=", "<script>", " onclick=", "javascript:"}) {
    EXPECT_EQ(page.find(inlined), std::string_view::npos) << inlined;
  }
  for (const PageFile& file : PageFiles()) {
    if (file.path == "/chart.js") continue;
    EXPECT_EQ(file.content.find("https://"), std::string_view::npos) << file.path;
  }
}

}  // namespace
}  // namespace sluice::proxy
