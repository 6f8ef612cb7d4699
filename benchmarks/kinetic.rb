# Does a step of the unpacked Kinetic package for each line of stdin, an input document,
# and answers with a line of seconds: what a step costs an engine that is running.
load File.join(ARGV.fetch(0), 'handler', 'init.rb')
STDOUT.sync = true

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

STDIN.each_line do |document|
  begun = now
  results = GoogleAppsCalendarShareV1.new(document).execute
  raise results unless results.include?('created')
  puts now - begun
end
