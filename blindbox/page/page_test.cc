// SPDX-License-Identifier: Apache-2.0
#include "blindbox/page/page.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/base/digest.h"
#include "blindbox/base/file.h"

namespace blindbox::page {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string built(const std::string& name) {
  const auto bytes = base::read_file(std::string(BLINDBOX_SOURCE_DIR) + "/page/dist/" + name, std::size_t{4} << 20);
  return bytes ? std::string(base::as_text(*bytes)) : "missing: " + name;
}

// What the page and the files that it loads refer to, as paths below kRoot.
std::set<std::string> references(const std::string& text) {
  static const std::regex kReference(R"re((?:src|href)="(?:\./|/\.blindbox/)?(assets/[a-z.]+)")re");
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), kReference), end; it != end; ++it) found.insert((*it)[1]);
  return found;
}

TEST(Page, IsWhatStandsInTheRepository) {
  const auto page = find_asset("/.blindbox/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(page->body, built("index.html"));
}

TEST(Page, HasEveryFileThatItNames) {
  const auto page = find_asset(kRoot);
  ASSERT_TRUE(page);
  const auto names = references(std::string(page->body));
  EXPECT_GE(names.size(), 3U) << "script, style sheet, icon";
  for (const std::string& name : names) {
    const auto asset = find_asset(std::string(kRoot) + name);
    ASSERT_TRUE(asset) << name;
    EXPECT_EQ(asset->body, built(name)) << name;
  }
}

// A browser runs a module only under a type of JavaScript's, and with nosniff guesses nothing.
TEST(Page, TellsEachFilesType) {
  EXPECT_EQ(find_asset("/.blindbox/assets/page.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(find_asset("/.blindbox/assets/page.css")->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(find_asset("/.blindbox/assets/icon.svg")->content_type, "image/svg+xml");
}

TEST(Page, TagsEachFileWithItsContents) {
  for (const std::string name : {"assets/page.js", "assets/page.css", "assets/icon.svg"}) {
    const auto asset = find_asset(std::string(kRoot) + name);
    ASSERT_TRUE(asset) << name;
    const std::string hash = base::to_hex(base::sha256(base::view(asset->body)));
    EXPECT_EQ(asset->etag, '"' + hash.substr(0, 32) + '"') << name;
  }
}

TEST(Page, FindsNothingElse) {
  for (const char* path : {"", "/", "/.blindbox", "/.blindbox/index.html", "/.blindbox//", "/.blindbox/assets/",
                           "/.blindbox/assets/../assets/page.js", "/.blindbox/assets/page.js?x", "/.blindbox/./",
                           "/.BLINDBOX/", "/.blindbox/assets/page%2ejs", "/.blindbox/api/status"}) {
    EXPECT_FALSE(find_asset(path)) << path;
  }
}

TEST(Page, IsConfinedToItself) {
  const auto fields = security_fields();
  const auto policy = http::find_field(fields, "content-security-policy");
  ASSERT_TRUE(policy);
  EXPECT_THAT(std::string(*policy), HasSubstr("default-src 'none'"));
  EXPECT_THAT(std::string(*policy), HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(std::string(*policy), HasSubstr("require-trusted-types-for 'script'"));
  for (const char* loose : {"unsafe", "http:", "https:", "data:", "blob:", "*", "nonce"}) {
    EXPECT_THAT(std::string(*policy), Not(HasSubstr(loose)));
  }
  EXPECT_EQ(http::find_field(fields, "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(http::find_field(fields, "X-Content-Type-Options"), "nosniff");
}

// Values go onto the wire as they are.
TEST(Page, ItsHeadersAreOneLineEach) {
  for (const auto& [name, value] : security_fields()) {
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(std::ranges::all_of(name + value, [](char c) { return c >= ' ' && c <= '~'; })) << name;
  }
}

}  // namespace
}  // namespace blindbox::page
