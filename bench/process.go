package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a process that the benchmark started of itself.
type process struct {
	pid     int
	address string // that it listens on
	command *exec.Cmd
}

// start starts a process in a role. It is up when it has printed its address.
func start(ctx context.Context, role string, environment ...string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program)
	command.Env = append(append(os.Environ(), roleVariable+"="+role), environment...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", role, err)
	}
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start the %s: it did not say where it listens: %w", role, err)
	}
	return &process{command.Process.Pid, strings.TrimSpace(address), command}, nil
}

// stop ends the process in good order.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGINT) // it may have ended
	_ = p.command.Wait()
}

// memory returns what the process has in memory, now and at most, in MB.
func (p *process) memory() (now, most float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		var target *float64
		switch {
		case strings.HasPrefix(line, "VmRSS:"):
			target = &now
		case strings.HasPrefix(line, "VmHWM:"):
			target = &most
		default:
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.Fields(line)[1], 64)
		if err != nil {
			return 0, 0, err
		}
		*target = kilobytes / 1024
	}
	return now, most, nil
}

// processor returns how long the process has used processors.
func (p *process) processor() (time.Duration, error) {
	stat, err := readStat(fmt.Sprintf("/proc/%d/stat", p.pid))
	return time.Duration(stat.used) * tick, err
}
