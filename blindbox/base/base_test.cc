// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "blindbox/base/bytes.h"
#include "blindbox/base/clock.h"
#include "blindbox/base/digest.h"
#include "blindbox/base/fd.h"
#include "blindbox/base/file.h"
#include "blindbox/base/reader.h"

namespace blindbox::base {
namespace {

TEST(Hex, RoundTripsAndRefusesWhatIsNotHex) {
  EXPECT_EQ(to_hex(from_hex("00fFa5").value()), "00ffa5");
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
}

TEST(Base64, KnownAnswersOfRfc4648Section10) {
  for (const auto& [plain, coded] : {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(view(plain)), coded);
    EXPECT_EQ(as_text(from_base64(coded).value()), plain);
  }
  EXPECT_EQ(as_text(from_base64("Zm9v\r\nYmFy\n").value()), "foobar");
  for (const char* bad : {"Z", "Zg=", "Z===", "====", "Zm=v", "Zm9v!A==", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(ConstantTimeEqual, AnEmptyExpectationNeverMatches) {
  EXPECT_FALSE(constant_time_equal({}, {}));
  EXPECT_TRUE(constant_time_equal(view("a"), view("a")));
  EXPECT_FALSE(constant_time_equal(view("a"), view("b")));
  EXPECT_FALSE(constant_time_equal(view("a"), view("ab")));
}

TEST(Digest, KnownAnswersOfFips180) {
  EXPECT_EQ(to_hex(sha256(view("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha384(view("abc"))).substr(0, 16), "cb00753f45a35e8b");
  EXPECT_EQ(to_hex(sha512(view("abc"))).substr(0, 16), "ddaf35a193617aba");
}

TEST(Clock, RoundTripsAndRefusesWhatIsNoDate) {
  EXPECT_EQ(to_iso8601(from_iso8601("2026-11-21T20:15:30Z").value()), "2026-11-21T20:15:30Z");
  EXPECT_EQ(to_iso8601(from_iso8601("2024-02-29").value()), "2024-02-29T00:00:00Z");
  for (const char* bad : {"", "2026", "2025-02-29", "2026-13-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
                          "2026-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(from_iso8601(bad)) << bad;
  }
}

TEST(Clock, ReadsWhatPeopleType) {
  for (const auto& [text, same] : {std::pair{"2025-01-28T00:00:00Z", "2025-01-28T00:00:00Z"},
                                   {"2025-01-28t12:30:15z", "2025-01-28T12:30:15Z"},
                                   {"2025-01-28 12:30:15.250Z", "2025-01-28T12:30:15Z"},
                                   {"2025-01-28T12:30:15+02:00", "2025-01-28T10:30:15Z"},
                                   {"2025-01-28T23:30:15.5-01:30", "2025-01-29T01:00:15Z"},
                                   {"2025-01-28", "2025-01-28T00:00:00Z"},
                                   {"1738022400", "2025-01-28T00:00:00Z"},
                                   {"0", "1970-01-01T00:00:00Z"}}) {
    const auto time = parse_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_iso8601(*time), same) << text;
  }
  for (const char* bad : {"", "now", "-1", "123456789012", "2025-02-30", "2025-01-28T00:00:00", "2025-01-28T00:00:00+2",
                          "2025-01-28T00:00:00.Z", "2025-01-28T24:00:00Z", "2025-01-28T00:00:00+24:00",
                          "2025-01-28T00:00:00Z ", "28.1.2025", "2025-01", "+2025-01-28T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Reader, TurnsBadAtTheEndAndStaysBad) {
  const Bytes bytes = from_hex("0102030405").value();
  Reader reader(bytes);
  EXPECT_EQ(reader.u32le(), 0x04030201U);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.u16le(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0U);
}

TEST(Utf8, AcceptsWellFormedAndRefusesTheRest) {
  EXPECT_TRUE(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xF5"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(File, WritesWholeFilesAndReadsUnderACap) {
  const auto folder = std::filesystem::temp_directory_path() / ("blindbox_base_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "f";
  ASSERT_TRUE(write_file(path, view("hello"), 0600));
  EXPECT_EQ(as_text(read_file(path, 5).value()), "hello");
  EXPECT_EQ(read_file(path, 4).error().kind, ErrorKind::limit);
  EXPECT_EQ(read_file(folder / "absent", 4).error().kind, ErrorKind::io);
  EXPECT_EQ(read_file(folder, 4).error().kind, ErrorKind::io);
  // What has no writer, or no end.
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& never : {pipe, "/dev/fd/../../.." + std::string(pipe), std::string("/dev/zero")}) {
    EXPECT_EQ(read_file(never, 4).error().kind, ErrorKind::io) << never;
    EXPECT_NE(sha256_file(never).error().what.find("no regular file"), std::string::npos) << never;
  }
  std::filesystem::remove(pipe);
  int ends[2];  // as a shell hands over <(COMMAND)
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd from(ends[0]);
  {
    const Fd to(ends[1]);
    ASSERT_EQ(::write(to.get(), "abc", 3), 3);
  }
  const auto handed_over = read_file("/dev/fd/" + std::to_string(from.get()), 10);
  ASSERT_TRUE(handed_over) << handed_over.error().what;
  EXPECT_EQ(as_text(*handed_over), "abc");
  EXPECT_FALSE(write_file(folder / "absent" / "f", view("x")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "no temporary file is left";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace blindbox::base
