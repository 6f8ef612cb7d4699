# encoding: utf-8
# The Ruby end of the handler: hands a step to a Python process of its own, and answers
# with what comes back. The handler itself is the Python beside this file.
#
# Ruby 1.9 without gems, as all handlers of an engine share one Ruby.
require 'rbconfig'

class GoogleAppsCalendarShareV1
  # Seconds; the handler itself ends a step earlier.
  TIMEOUT = 180

  # Seconds to wait for the rest of what an ended process wrote.
  GRACE = 1

  # The most bytes that are kept of what the process writes.
  MOST = 1_000_000

  # All that Python sees of the engine's environment, which may hold secrets of others.
  ENVIRONMENT = %w(
    PATH HOME LANG LANGUAGE LC_ALL LC_CTYPE TZ TMPDIR TMP TEMP
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA
    HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy NO_PROXY no_proxy
    REQUESTS_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR CALENDAR_EMULATOR_HOST
  )

  # Neither PYTHON* variables nor a user's own packages count, and nothing is written beside the handler.
  OPTIONS = %w(-E -s -B)

  START = File.join(File.dirname(File.expand_path(__FILE__)), 'engines', 'kinetic', 'start.py')

  WINDOWS = RbConfig::CONFIG['host_os'] =~ /mswin|mingw/

  # What starts Python if the info value names none or its default, the first choice first.
  PYTHONS = WINDOWS ? [%w(py -3), %w(python)] : [%w(python3)]

  # How a program is named with its full path.
  FULL_PATH = WINDOWS ? 'C:\\calendar-share\\Scripts\\python.exe' : '/opt/calendar-share/bin/python'

  # The exit statuses of Windows' py and python where no Python is installed.
  NO_PYTHON = WINDOWS ? [103, 9009] : []

  AGAIN = 'the share may have been made or not: run the step again, which does nothing twice'

  INSTALL = 'install Python 3.10 or newer where the engine runs, or name the program with its full path ' \
            "(such as #{FULL_PATH}) in the info value python_command"

  # How an answer begins, and what its text has to be, by its kind.
  HEAD = /(results|error) (\d{1,9})\n/
  FORMS = { 'results' => %r{\A<results>.*</results>\z}m, 'error' => /\A[a-z_]+: / }

  # Info values that are no secret: what Python writes of them is left as it is.
  PLAIN = %w(
    python_command client_id act_as_by_default may_act_as may_add_to_lists_of enable_debug_logging
    allowed_domains allow_public highest_access
  )

  BEYOND_ASCII = /[^\x00-\x7f]/

  HTML = { '&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;' }

  ENTITIES = { 'lt' => '<', 'gt' => '>', 'quot' => '"', 'apos' => "'", 'amp' => '&' }

  # Takes the input document.
  def initialize(input)
    @input = input.to_s.dup.force_encoding('BINARY')
  end

  # Gives the results document, or raises `CODE: message`.
  def execute
    output, errors, status = run
    errors = masked(errors)
    $stderr.write(errors)
    kind, content = answer_in(output)
    if kind.nil?
      fail_bridge("the program #{python} gave no answer within #{TIMEOUT} seconds and was ended; #{AGAIN}") if status.nil?
      fail_bridge("the program #{python} found no Python (status #{status}); #{INSTALL}") if NO_PYTHON.include?(status)
      fail_bridge("the program #{python} ended with status #{status} and without a whole answer; #{AGAIN}#{last_words(errors)}")
    end
    raise text(content) if kind == 'error'
    text(content)
  end

  # What Ruby shows of an object in its own errors: not the input, which holds secrets.
  def inspect
    "#<#{self.class}>"
  end

  private

  # Gives stdout, stderr and the exit status of a process, the status nil if it had to be ended.
  def run
    output, errors = ''.dup.force_encoding('BINARY'), ''.dup.force_encoding('BINARY')
    child = start
    begin
      threads = [
        Thread.new { feed(child.stdin) },
        Thread.new { drain(child.stdout, output) { answer_in(output) } },
        Thread.new { drain(child.stderr, errors) }
      ]
      status = child.wait(TIMEOUT)
    ensure
      child.kill if status.nil?
    end
    # A process that the child left behind may hold its pipes open for ever.
    limit = Time.now + GRACE
    threads.each { |thread| thread.join([limit - Time.now, 0].max) || thread.kill }
    [output, errors, status]
  end

  def start
    environment = {}
    ENVIRONMENT.each { |name| environment[name] = ENV[name] if ENV[name] }
    commands = python_commands.dup
    begin
      (RUBY_ENGINE == 'jruby' ? ChildOfJava : ChildOfRuby).new(commands.first + OPTIONS + [START], environment)
    rescue SystemCallError, IOError, ArgumentError => error
      # An ArgumentError is how Ruby tells that a name has a NUL in it.
      commands.shift
      retry unless commands.empty?
      fail_bridge("the program #{python} cannot be started (#{shown(text(error.message))}); #{INSTALL}")
    end
  end

  def feed(stdin)
    stdin.write(@input)
  rescue SystemCallError, IOError
    # It left without reading all; what it answered tells why.
  ensure
    close(stdin)
  end

  # Reads to the end, so that the process never waits for us; of much it keeps what the block finds, else the last.
  def drain(stream, kept)
    loop do
      kept << stream.readpartial(65_536)
      next if kept.bytesize <= 2 * MOST
      kind, content = yield if block_given?
      kept.replace(kind ? "#{kind} #{content.bytesize}\n#{content}" : kept[-MOST..-1])
    end
  rescue SystemCallError, IOError
    # The end.
  ensure
    close(stream)
  end

  # Gives kind and text of the answer in what was printed, nil if there is no whole one. A wrapper
  # or a sitecustomize may have printed before and after it; what they print is no answer by its form.
  def answer_in(output)
    place = 0
    while (head = HEAD.match(output, place))
      content = output[head.end(0), head[2].to_i]
      return [head[1], content] if content.bytesize == head[2].to_i && content =~ FORMS[head[1]]
      place = head.begin(0) + 1
    end
  end

  def close(stream)
    stream.close
  rescue StandardError
    # It is closed; JRuby may say so with a RuntimeException of Java's.
  end

  # Gives what may start Python, each as a program and its options.
  def python_commands
    named = unescaped(infos.fetch('python_command', '')).strip
    ['', 'python3'].include?(named) ? PYTHONS : [[named]]
  end

  # Gives the program as messages name it.
  def python
    shown(python_commands.map { |command| command.join(' ') }.join(' or '))
  end

  def shown(text)
    text.gsub(/[[:cntrl:]]/, '?')[0, 300]
  end

  # Gives the info values by name, as they are written. They stand before the parameters, so
  # that no parameter can pass for one, however it is written.
  def infos
    found = @input[/\A.*?<parameters/m].to_s.scan(/<info\s+name\s*=\s*(["'])(.*?)\1\s*>([^<]*)</m)
    Hash[found.map { |_, name, value| [text(name), text(value)] }]
  end

  def unescaped(value)
    value.gsub(/&(?:(lt|gt|quot|apos|amp)|#(\d{1,9})|#x(\h{1,7}));/) do |written|
      ENTITIES[$1] || character($2 ? $2.to_i : $3.hex) || written
    end
  end

  # Gives the character of a number, nil if it has none.
  def character(number)
    [number].pack('U') if (1..0xD7FF).include?(number) || (0xE000..0x10FFFF).include?(number)
  end

  # Gives what Python wrote to stderr without any secret info value, in case it crashed over one.
  def masked(errors)
    return '' if errors.empty?
    values = infos.reject { |name, _| PLAIN.include?(name) }.values.flat_map { |value| [value, unescaped(value)] }
    lines = values.flat_map { |value| value.split(/\\+[nr]|[\r\n]/).map(&:strip).select { |line| line.length >= 12 } }
    forms = (values.map(&:strip) + lines).uniq.flat_map { |value| forms_of(value) }
    forms = forms.select { |form| form.length >= 4 }.uniq.sort_by { |form| -form.length }
    forms.inject(text(errors)) { |shown, form| shown.gsub(form, '***') }
  end

  # Gives a text as it is, and as it stands in addresses, JSON, HTML, reprs of Python and Base64.
  def forms_of(value)
    percent = escaped(value, /[^A-Za-z0-9_.~-]/, '%%%02X')
    addresses = [percent, percent.gsub('%2F', '/'), percent.gsub('%20', '+')]
    quoted = [/["\\]/, /['\\]/, /["\\\/]/].map { |signs| value.gsub(signs) { |sign| "\\#{sign}" } }
    ascii = [value, *quoted].map { |form| escaped(form, BEYOND_ASCII, '\u%04x', 'n*', 'UTF-16BE') }
    bytes = [value, *quoted].map { |form| escaped(form, BEYOND_ASCII, '\x%02x') }
    html = ['&#x27;', '&#39;', '&apos;', "'"].map do |apostrophe|
      value.gsub(/[&<>"']/) { |sign| HTML.fetch(sign, apostrophe) }
    end
    lower = addresses.map { |form| form.gsub(/%\h\h/, &:downcase) }
    [value, *addresses, *lower, *quoted, *ascii, *bytes, *html, *apart(value), *encoded(value)]
  end

  def escaped(text, signs, form, numbers = 'C*', encoding = 'UTF-8')
    text.gsub(signs) { |sign| sign.encode(encoding).unpack(numbers).map { |number| format(form, number) }.join }
  end

  # Gives the text with its accents apart, as some systems write it; Ruby 1.9 cannot tell.
  def apart(value)
    value.respond_to?(:unicode_normalize) ? [value.unicode_normalize(:nfd), value.unicode_normalize(:nfc)] : []
  end

  # Gives what of a text in Base64 is known, as it may begin at each of the three places of a group.
  def encoded(value)
    return [] if value.length < 6
    cores = [0, 2, 3].each_with_index.map do |first, place|
      ["\0" * place + value].pack('m').delete("\n")[first...((place + value.bytesize) * 8 / 6)]
    end
    cores + cores.map { |core| core.tr('+/', '-_') }
  end

  def last_words(errors)
    words = errors.split("\n").map(&:strip).reject(&:empty?).join(' / ')
    words.empty? ? '' : "; it said: #{words[-500..-1] || words}"
  end

  # Gives bytes as UTF-8 text.
  def text(bytes)
    text = bytes.dup.force_encoding('UTF-8')
    text.valid_encoding? ? text : text.encode('UTF-8', 'BINARY', :invalid => :replace, :undef => :replace)
  end

  def fail_bridge(problem)
    raise "bridge_failed: #{problem}"
  end

  # A process of the JVM's. Open3 would hand it every open file of the JVM, and fails where
  # JRuby has no native support.
  class ChildOfJava
    attr_reader :stdin, :stdout, :stderr

    def initialize(command, environment)
      require 'java'
      builder = java.lang.ProcessBuilder.new(command)
      builder.environment.clear
      builder.environment.put_all(environment)
      begin
        @process = builder.start
      rescue java.io.IOException => error
        raise IOError, error.message
      end
      @stdin = @process.output_stream.to_io
      @stdout, @stderr = @process.input_stream.to_io, @process.error_stream.to_io
      [@stdin, @stdout, @stderr].each(&:binmode)
    end

    # Gives the exit status, nil if the process still runs after so many seconds.
    def wait(seconds)
      @process.exit_value if @process.wait_for(seconds * 1000, java.util.concurrent.TimeUnit::MILLISECONDS)
    end

    # Ends the process and its children; Java 8 does not know the children.
    def kill
      children = @process.respond_to?(:descendants) ? @process.descendants.to_array.to_a : []
    ensure
      @process.destroy_forcibly
      children.to_a.each(&:destroy_forcibly)
    end
  end

  # A process of Ruby's own, in a group with its children.
  class ChildOfRuby
    attr_reader :stdin, :stdout, :stderr

    def initialize(command, environment)
      require 'open3'
      @stdin, @stdout, @stderr, @waiter =
        Open3.popen3(environment, *command, :unsetenv_others => true, group => true)
      [@stdin, @stdout, @stderr].each(&:binmode)
    end

    # Gives the exit status, 128 + n after the signal n, nil if the process still runs after so many seconds.
    def wait(seconds)
      return unless @waiter.join(seconds)
      @waiter.value.exitstatus || 128 + @waiter.value.termsig
    end

    # Gives the name of the option for a group of its own; Windows has one of its own.
    def group
      WINDOWS ? :new_pgroup : :pgroup
    end

    # Ends the process and its children; on Windows the process alone, with which py ends its Python.
    def kill
      Process.kill('KILL', WINDOWS ? @waiter.pid : -@waiter.pid)
      @waiter.join
    rescue Errno::ESRCH
      # It has ended by itself.
    end
  end
end
