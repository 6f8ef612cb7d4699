# encoding: utf-8
# Does with an unpacked handler package what Kinetic's own test harness does: renders
# node.xml with the info values and parameters of a step, lets the class do the step,
# and compares the results with what a test file expects.
#
# One process does many jobs: each is a line of JSON on stdin, answered by a line of JSON
# on stdout. `ruby harness.rb FOLDER` names the unpacked package.
require 'erb'
require 'json'
require 'rexml/document'
require 'stringio'

# A node of a tree, with the variables that its templates may use.
class Node
  def initialize(definition, info, parameters)
    @definition, @info, @parameters = definition, info, parameters
  end

  # Gives the input document: the definition's handler element, each text rendered and escaped anew.
  def input
    handler = REXML::Document.new(@definition).elements['taskDefinition/handler']
    REXML::XPath.each(handler, '//infos/info | //parameters/parameter[@name]') do |field|
      field.text = ERB.new(field.text.to_s).result(binding)
    end
    handler.to_s
  end
end

# Says how results differ from those that a test file expects.
module Comparison
  def self.differences(expected, answered)
    wanted, given = [expected, answered].map { |xml| results(xml) }
    missing = (wanted.keys - given.keys).map { |name| "#{name}: is missing" }
    extra = (given.keys - wanted.keys).map { |name| "#{name}: is not expected" }
    wrong = (wanted.keys & given.keys).reject { |name| same?(wanted[name], given[name].text.to_s) }
    missing + extra + wrong.map { |name| "#{name}: #{given[name].text.to_s.inspect}" }
  end

  def self.results(xml)
    found = REXML::XPath.match(REXML::Document.new(xml), '/results/result')
    Hash[found.map { |result| [result.attributes['name'], result] }]
  end

  def self.same?(wanted, given)
    pattern = wanted.text.to_s
    wanted.attributes['type'].to_s.casecmp('regexp').zero? ? given =~ Regexp.new(pattern) : given == pattern
  end
end

# A package that was unpacked into a folder.
class Package
  def initialize(folder)
    @folder = folder
    @definition = read('process/node.xml')
    load File.join(folder, 'handler', 'init.rb')
    identity = REXML::Document.new(@definition).root.attributes
    @class = Object.const_get("#{identity['id']}_v#{identity['version']}".split('_').map(&:capitalize).join)
  end

  def read(name)
    File.open(File.join(@folder, name), 'rb:UTF-8', &:read)
  end

  # Does a job: {"steps": [{"info", "parameters"} or {"input"}], "environment", "timeout", "test"}, all
  # keys but the first optional. With "test" the step is that of a test file, and its info is added to.
  # The steps run at once; answers an outcome each, and what they wrote to stderr.
  def answer(job)
    job.fetch('environment', {}).each { |name, value| ENV[name] = value }
    @class.send(:remove_const, :TIMEOUT)
    @class.const_set(:TIMEOUT, job.fetch('timeout', 180))
    $stderr = StringIO.new
    outcomes = job['steps'].map { |step| Thread.new { outcome(step) } }.map(&:value)
    { 'outcomes' => outcomes, 'stderr' => $stderr.string.dup.force_encoding('UTF-8').scrub }
  ensure
    $stderr = STDERR
  end

  private

  def outcome(step)
    handler = @class.new(step['input'] || input(step))
    results = handler.execute
    found = { 'xml' => results }
    found['differences'] = Comparison.differences(read("test/#{step['test']}_output.xml"), results) if step['test']
    found
  rescue StandardError => error
    { 'error' => error.message, 'class' => error.class.name, 'shown' => error.full_message + handler.inspect }
  end

  def input(step)
    given = step['test'] ? eval(read("test/#{step['test']}_input.rb")) : { 'info' => {}, 'parameters' => step['parameters'] }
    Node.new(@definition, given['info'].merge(step.fetch('info', {})), given['parameters']).input
  end
end

package = Package.new(ARGV.fetch(0))
[STDIN, STDOUT].each { |stream| stream.set_encoding('UTF-8') }
STDOUT.sync = true
STDIN.each_line { |line| STDOUT.puts(JSON.generate(package.answer(JSON.parse(line)))) }
