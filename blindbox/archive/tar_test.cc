// SPDX-License-Identifier: Apache-2.0
// What is written reads back, by our reader and by GNU's.
#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>

#include <cstdio>

#include "blindbox/archive/file.h"
#include "blindbox/archive/tar_reader.h"
#include "blindbox/archive/tar_writer.h"

namespace blindbox::archive {
namespace {

Result<std::string> write(const std::vector<std::pair<TarEntry, std::string>>& entries) {
  std::string out;
  TarWriter writer([&out](ByteView bytes) -> Result<void> {
    out += base::as_text(bytes);
    return {};
  });
  for (const auto& [entry, contents] : entries) {
    if (auto added = writer.add(entry, base::view(contents)); !added) return base::pass_on(added);
  }
  if (auto finished = writer.finish(); !finished) return base::pass_on(finished);
  return out;
}

base::Fd file_of(const std::string& text) {
  base::Fd file = temporary_file().value();
  EXPECT_TRUE(write_all(file.get(), base::view(text)));
  return file;
}

TEST(Tar, reads_back_what_was_written) {
  const std::string name = std::string(150, 'n') + "/" + std::string(120, 'm');
  const std::string link = std::string(101, 'l');
  const auto text = write({{{.name = "short", .mode = 04755, .uid = 3000000, .gid = 7, .modified = 99}, "contents"},
                           {{.name = "folder/", .type = '5', .mode = 0700}, ""},
                           {{.name = name, .type = '2', .link = link}, ""},
                           {{.name = std::string(100, 'x')}, std::string(512, 'y')}});
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size() % 512, 0U);
  const base::Fd file = file_of(*text);
  const auto source = make_file_source(file.get(), 0, text->size(), "test");
  TarReader reader(*source);
  auto header = reader.next().value().value();
  EXPECT_EQ(header.name, "short");
  EXPECT_EQ(header.mode, 04755);
  EXPECT_EQ(header.uid, 3000000);
  EXPECT_EQ(header.modified.seconds, 99);
  std::string contents(8, '\0');
  EXPECT_EQ(header.size, 8);
  EXPECT_EQ(reader.read(std::as_writable_bytes(std::span(contents))).value(), 8U);
  EXPECT_EQ(contents, "contents");
  EXPECT_EQ(reader.next().value()->type, '5');
  header = reader.next().value().value();
  EXPECT_EQ(header.name, name);
  EXPECT_EQ(header.link, link);
  header = reader.next().value().value();
  EXPECT_EQ(header.name, std::string(100, 'x'));
  EXPECT_EQ(header.size, 512);
  EXPECT_FALSE(reader.next().value());
}

TEST(Tar, is_read_by_the_systems_tar) {
  if (std::system("command -v tar >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs tar, which is not installed";
  const auto text = write({{{.name = std::string(200, 'n')}, "1"}, {{.name = "b", .uid = 1U << 22U}, "22"}});
  const base::Fd file = file_of(*text);
  ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
  const std::string command = "[ \"$(tar --numeric-owner -tvf /proc/" + std::to_string(::getpid()) + "/fd/" +
                              std::to_string(file.get()) +
                              " | awk '{print $2, $3, length($6)}' | tr '\\n' ';')\" = '0/0 1 200;4194304/0 2 1;' ]";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Tar, sizes_are_promises) {
  TarWriter writer([](ByteView) -> Result<void> { return {}; });
  ASSERT_TRUE(writer.begin({.name = "a", .size = 2}));
  EXPECT_FALSE(writer.write(base::view("123")));
  ASSERT_TRUE(writer.write(base::view("1")));
  EXPECT_FALSE(writer.begin({.name = "b"}));
  EXPECT_FALSE(writer.finish());
}

TEST(Sniff, knows_what_layers_are_compressed_with) {
  EXPECT_EQ(sniff(base::view("\x1f\x8b\x08")), Compression::gzip);
  EXPECT_EQ(sniff(base::view("\x28\xb5\x2f\xfd")), Compression::zstd);
  EXPECT_EQ(sniff(base::view("\x51\x2a\x4d\x18")), Compression::zstd);
  EXPECT_EQ(sniff(base::view("\x1f")), Compression::none);
  EXPECT_EQ(sniff({}), Compression::none);
}

TEST(File, spools_what_cannot_be_read_twice) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  base::Fd from(ends[0]), into(ends[1]);
  ASSERT_TRUE(write_all(into.get(), base::view("piped")));
  into.reset();
  const auto file = File::of(std::move(from), "a pipe", 100);
  ASSERT_TRUE(file);
  for (int pass = 0; pass < 2; ++pass) {
    std::string text(10, '\0');
    EXPECT_EQ(file->plain()->read(std::as_writable_bytes(std::span(text))).value(), 5U);
    EXPECT_EQ(text.substr(0, 5), "piped");
  }
  EXPECT_EQ(
      [] {
        base::Fd large = file_of("too much");
        ::lseek(large.get(), 0, SEEK_SET);
        return File::of(std::move(large), "a file", 3).error().kind;
      }(),
      ErrorKind::limit);
}

}  // namespace
}  // namespace blindbox::archive
